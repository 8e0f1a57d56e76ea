"""Alert rules and dashboards ask only for what is really exported, by labels that it really has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from service.observability import LearnerMetrics, Metrics, RefresherMetrics

DEPLOY = Path(__file__).parent.parent / "deploy"
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BOARD = json.loads((DEPLOY / "grafana" / "gardoon.json").read_text(encoding="utf-8"))
QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in BOARD["panels"]
        for target in panel["targets"]
    },
}
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}


def exported() -> dict[str, set[str]]:
    """Labels by the name of each series that workers, learner and refresher export."""
    found: dict[str, set[str]] = {}
    registries: list[CollectorRegistry] = [
        each.registry for each in (Metrics(), LearnerMetrics(), RefresherMetrics())
    ]
    for registry in registries:
        for collector in registry._collector_to_names:
            kind, name = collector._type, collector._name  # type: ignore[attr-defined]
            for suffix in SUFFIXES[kind]:
                labels = set(collector._labelnames)  # type: ignore[attr-defined]
                found[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


EXPORTED = exported()


def parts(expression: Any) -> Iterator[Any]:
    """The expression and all that it consists of."""
    yield expression
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inner = getattr(expression, name, None)
        if inner is not None:
            yield from parts(inner)
    for inner in getattr(expression, "args", ()):
        yield from parts(inner)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_parses_and_asks_for_what_there_is(name: str) -> None:
    found = list(parts(promql_parser.parse(QUERIES[name])))
    selectors = [each for each in found if isinstance(each, promql_parser.VectorSelector)]

    assert selectors
    known = set[str]()
    for selector in selectors:
        assert selector.name in EXPORTED, f"{selector.name} is not exported"
        matched = {matcher.name for matcher in selector.matchers.matchers}
        assert matched <= EXPORTED[selector.name]
        known |= EXPORTED[selector.name]
    for each in found:
        if isinstance(each, promql_parser.AggregateExpr) and each.modifier is not None:
            assert set(each.modifier.labels) <= known, f"{name} groups by what no series has"


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "action"}


@pytest.mark.parametrize(
    "metric", sorted(name for name in EXPORTED if not name.endswith(("_bucket", "_sum")))
)
def test_every_metric_is_in_a_rule_or_a_picture_or_told_to_be_in_none(metric: str) -> None:
    name = metric.removesuffix("_count").removesuffix("_total")
    assert any(name in query for query in QUERIES.values()) or name in NOT_LOOKED_AT


NOT_LOOKED_AT = {
    "gardoon_activations",
    "gardoon_complements",
    "gardoon_complements_seconds",
    "gardoon_refresh_backlog",
    "gardoon_refresh_seconds",
    "gardoon_refreshed_customers",
    "gardoon_refreshed_rows",
    "gardoon_standing_read_seconds",
}
"""Asked for when something is wrong already; docs/operations.md has them all."""
