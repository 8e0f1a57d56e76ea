"""Alert rules and dashboards ask only for what is really exported, by its labels; rules fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from service.decision_tally import DecisionTally
from service.observability import LearnerMetrics, Metrics, RefresherMetrics
from tests.features.conftest import Shop
from tests.watched_shop import watch

DEPLOY = Path(__file__).parent.parent / "deploy"
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BOARDS = [
    json.loads(path.read_text(encoding="utf-8")) for path in sorted((DEPLOY / "grafana").glob("*.json"))
]
CASES = yaml.safe_load((Path(__file__).parent / "alert_cases.yaml").read_text(encoding="utf-8"))
QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for board in BOARDS
        for panel in board["panels"]
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
            if not isinstance(collector, MetricWrapperBase):
                continue
            for suffix in SUFFIXES[collector._type]:
                labels = set(collector._labelnames)
                found[collector._name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    for family in DecisionTally().collect():
        for suffix in SUFFIXES[family.type]:
            labels = set(family._labelnames)
            found[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_shop_s_processes_export_every_series_that_is_asked_for(
    tmp_path: Path, busy_shop: Callable[[], Shop]
) -> None:
    seen = watch(tmp_path, busy_shop())

    for query in QUERIES.values():
        for selector in parts(promql_parser.parse(query)):
            if isinstance(selector, promql_parser.VectorSelector):
                assert selector.name in seen, f"{query}: {selector.name} is not there"
                assert set(seen[selector.name]) == EXPORTED[selector.name]
                for wanted in selector.matchers.matchers:
                    values = seen[selector.name][wanted.name]
                    assert any(re.fullmatch(wanted.value, value) for value in values), query


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: Debian's package prometheus has it"
)
def test_every_alert_fires_when_it_should_and_not_otherwise(tmp_path: Path) -> None:
    assert CASES.keys() == {rule["alert"] for rule in RULES}
    told = {
        "rule_files": [str(DEPLOY / "prometheus" / "alerts.yaml")],
        "evaluation_interval": "1m",
        "tests": [
            unit
            for rule in RULES
            for outcome in ("fires", "quiet")
            for unit in units(rule, CASES[rule["alert"]], outcome)
        ],
    }
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(told))

    command = ["promtool", "test", "rules", str(tmp_path / "cases.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def units(rule: dict[str, Any], case: dict[str, Any], outcome: str) -> Iterator[dict[str, Any]]:
    """The case's tests as promtool reads them."""
    labels = case.get("labels", {})
    fills = [(f"{{{{ $labels.{name} }}}}", value) for name, value in labels.items()]
    annotations = dict(rule["annotations"])
    for blank, value in fills:
        annotations = {name: text.replace(blank, value) for name, text in annotations.items()}
    alert = {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": annotations}
    for series in case[outcome]:
        yield {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [
                {
                    "eval_time": f"{case['at']}m",
                    "alertname": rule["alert"],
                    "exp_alerts": [alert] if outcome == "fires" else [],
                }
            ],
        }


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
