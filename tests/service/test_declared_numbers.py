"""Whatever number a journey's file may declare, decisions are made by it: no overflow at its ends, none without an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from features.segment import Top
from journeys.definition import Journey
from service.decision_point import DecisionPoint
from service.settings import Settings
from tests.service.conftest import Worker, stored_customer

SMALLEST = 1e-9
"""Above an end that is not itself allowed."""
UNHELD = {"audience"}
"""A feature is compared with any finite number."""
NOT_ALONE = {"shares", "coupon.reward.message_cost"}
"""What only goes with other fields, or not at all: `tests/service/test_decision_point.py`."""


def numbers(
    schema: dict[str, Any], at: dict[str, Any], path: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each number in a JSON schema by its dotted path; 0 is the first of a list."""
    if "$ref" in at:
        at = schema["$defs"][at["$ref"].rpartition("/")[2]]
    if at.get("type") in ("number", "integer"):
        yield path, at
    for each in at.get("anyOf", ()):
        yield from numbers(schema, each, path)
    if "items" in at:
        yield from numbers(schema, at["items"], f"{path}.0")
    for name, field in at.get("properties", {}).items():
        if path or name not in UNHELD:
            yield from numbers(schema, field, f"{path}.{name}" if path else name)


def of(kind: Any) -> list[tuple[str, dict[str, Any]]]:
    schema = kind.model_json_schema()
    return list(numbers(schema, schema))


def ends(bounds: dict[str, Any]) -> list[float]:
    """The least and the most that is allowed."""
    whole = bounds["type"] == "integer"
    least = bounds.get("minimum", bounds.get("exclusiveMinimum", 0) + (1 if whole else SMALLEST))
    return [least, bounds["maximum"]]


ENDS = [
    (path, end)
    for path, bounds in of(DecisionPoint)
    if not any(path.startswith(each) for each in NOT_ALONE)
    for end in ends(bounds)
]


@pytest.mark.parametrize("kind", [DecisionPoint, Journey, Settings, Top])
def test_every_number_that_is_declared_has_ends(kind: Any) -> None:
    unbounded = [
        path
        for path, bounds in of(kind)
        if ("maximum" not in bounds and "exclusiveMaximum" not in bounds)
        or not {"minimum", "exclusiveMinimum"} & set(bounds)
    ]

    assert of(kind)
    assert unbounded == []


@pytest.mark.parametrize(("path", "end"), ENDS)
def test_decisions_are_made_and_learnt_from_at_the_ends_of_what_is_allowed(
    path: str, end: float, make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=points | {"lucky_wheel": declared(points["lucky_wheel"], path, end)})
    asked = [{"activate": "now"}, {"activate": "deferred"}]

    for number, how in enumerate(asked * 2):
        customer = f"c{number}"
        worker.reader.customers[customer] = stored_customer(customer, at=worker.clock())
        answer = worker.decide(customer_id=customer, **how)
        if answer["status"] == "act":
            told(worker, str(answer["decision_id"]), how["activate"] == "deferred")
    worker.clock.advance(hours=1)
    worker.learn()
    worker.keep_up()
    worker.clock.advance(hours=30)
    worker.learn()

    assert worker.decide(customer_id="c0")["status"] in ("act", "hold", "suppressed", "holdout")


def told(worker: Worker, decision_id: str, deferred: bool) -> None:
    """The decision is put into effect where it waits for that, delivered, and answered by a click and an order."""
    if deferred:
        activated = worker.client.post(f"/v1/decisions/{decision_id}/activate")
        assert activated.status_code in (200, 409, 410), activated.text
    at = worker.clock().isoformat()
    event = {"decision_id": decision_id, "occurred_at": at}
    outcomes = [
        event | {"event_id": f"{decision_id}-{kind}", "kind": kind, **more}
        for kind, more in (
            ("delivered", {}),
            ("clicked", {}),
            ("purchased", {"value": 50_000, "currency": "IRT"}),
        )
    ]
    response = worker.client.post("/v1/outcomes", json={"outcomes": outcomes})
    assert [each["status"] for each in response.json()["results"]] == [202] * 3, response.text


def declared(point: DecisionPoint, path: str, end: float) -> DecisionPoint:
    """A decision point that decides everything, with this in the place of what it has there."""
    fields: Any = point.model_dump(mode="json")
    fields["message"] = {
        "variants": ["a", "b"],
        "usual": ["a"],
        "reward": {"kind": "click", "window_hours": 24},
    }
    fields["caps"] = fields["shop"]["caps"] = [{"name": "cap", "at_most": 3, "within": 24}]
    *way, last = path.split(".")
    place = fields
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    if last.isdigit():
        place[:] = [end]
    else:
        place[last] = end
    if path == "coupon.usual.0":
        fields["coupon"]["amounts"] = [end]
    return DecisionPoint.model_validate(fields)
