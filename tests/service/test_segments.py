"""GET /v1/segments: what is declared, as it is asked, and for whom the journeys are."""

from __future__ import annotations

from collections.abc import Callable

from features.segment import Segment
from features.segment_files import load_segments
from service.decision_point import DecisionPoint
from service.point_files import SEGMENTS
from tests.service.conftest import Worker
from tests.service.test_ledger import with_rules


def test_every_declared_segment_is_listed_as_it_is_asked(worker: Worker) -> None:
    folder = worker.state.settings.decision_points / SEGMENTS
    declared = load_segments(folder, worker.state.schema)

    found = worker.client.get("/v1/segments").json()["segments"]

    assert [each["name"] for each in found] == sorted(declared)
    assert {each["name"] for each in found if not each["online"]} == {"best_customers"}
    for each in found:
        shown = {name: each[name] for name in ("name", "description", "where")}
        assert Segment.model_validate(shown) == declared[each["name"]]
    champions = next(each for each in found if each["name"] == "champions")
    assert champions["features"] == ["recency_days", "orders_365d"]


def test_a_segment_names_the_journeys_that_are_for_it(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    audience = Segment.model_validate(
        {"name": "regulars", "description": "", "where": {"feature": "orders_28d", "at_least": 4}}
    )
    worker = make_worker(points=with_rules(points, "churn_prevention", audience=audience))

    found = worker.client.get("/v1/segments").json()["segments"]

    journeys = {each["name"]: each["journeys"] for each in found}
    assert journeys.pop("regulars") == ["churn_prevention"]
    assert not any(journeys.values())
