"""The tracking plan: what keeps to it is taken, what breaks it is kept aside until one of both is mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select
from typer.testing import CliRunner

from features.schema import CHANNELS
from features.tables import EVENTS
from service.cli import app
from service.events.plan import FOLDER, PlanError, describe_plan, load_plan
from service.events.told import Told
from service.store.tables import events_aside
from tests.service.conftest import NOW, Worker
from tests.service.events.test_event_routes import occurred, owners, send, track

PLAN = load_plan()
PAGE = Path(__file__).parents[3] / "docs" / "tracking-plan.md"
STRANGE: tuple[Any, ...] = (None, "", "x", "a" * 129, -1, 0, 1, 2.5, 0.001, True, [], {}, "IRT", "irt", "sms")

ARRAY_OF_NULLS = {"type": "array", "items": {"type": "object", "properties": {"prize": {"type": "null"}}}}


def told(name: str, properties: Any) -> Told:
    return Told(
        message_id="m1",
        customer_id="c1",
        anonymous_id=None,
        type="track",
        name=name,
        occurred_at=NOW,
        content={"properties": properties},
    )


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["events", *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_the_plan_has_the_funnel_the_messages_the_wheel_and_coupons() -> None:
    assert set(EVENTS) < PLAN.events.keys()
    others = {"wheel_shown", "wheel_spun", "coupon_given", "coupon_redeemed", "coupon_expired"}
    others |= {"app_opened", "page_followed"}
    assert PLAN.events.keys() == {*EVENTS, *others}
    for name in ("message_sent", "message_delivered", "message_opened", "message_clicked", "message_bounced"):
        schema = PLAN.events[name].schema
        assert schema["properties"]["channel"]["enum"] == list(CHANNELS)
        assert {"channel", "topic"} <= set(schema["required"])


def test_the_page_shows_the_plan_as_it_is() -> None:
    assert describe_plan(PLAN).strip() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLAN.events)
def test_the_plan_is_held_as_a_validator_of_json_schema_would_hold_it(name: str) -> None:
    schema = PLAN.events[name].schema
    Draft202012Validator.check_schema(schema)
    validator, (example,) = Draft202012Validator(schema), schema["examples"]
    tried = [example, {}, {**example, "anything": {"at": ["all"]}}]
    tried += [{**example, field: value} for field in schema["properties"] for value in STRANGE]
    tried += [{f: v for f, v in example.items() if f != gone} for gone in example]

    tried += [{**example, "products": items} for items in strange_products()]

    verdicts = [(each, PLAN.fault_of(told(name, each)) is None, validator.is_valid(each)) for each in tried]

    assert [each for each, ours, theirs in verdicts if ours != theirs] == []
    assert verdicts[0][1]
    assert any(not ours for _, ours, _ in verdicts) or not schema["properties"]


def strange_products() -> Iterator[Any]:
    """Lists of products in the forms of `STRANGE`, whole and by each of their properties."""
    line = {"product_id": "p", "category": "tea", "quantity": 2, "amount": 5, "discount": 1}
    yield from ([line] * 500, [line] * 501, [{"product_id": "p", "anything": []}])
    for value in STRANGE:
        yield [value]
        yield from ([line, {**line, field: value}] for field in line)


def test_an_event_that_breaks_the_plan_is_kept_aside_and_one_that_is_not_in_it_is_taken(
    worker: Worker,
) -> None:
    bought = {"order_id": "o1", "amount": 930000, "currency": "IRT"}
    wrong = {**bought, "amount": "930000"}

    answer = send(
        worker,
        track("m1", event="purchased", properties=bought),
        track("m2", event="purchased", properties=wrong),
        track("m3", event="purchased"),
        track("m4", event="purchased_", properties=wrong),
    )

    assert owners(worker).keys() == {"m1", "m4"}
    fields = [(each["message_id"], each["field"]) for each in answer["kept_aside"]]
    assert fields == [("m2", "properties.amount"), ("m3", "properties.order_id")]
    assert "integer" in answer["kept_aside"][0]["fault"]
    metrics = worker.client.get("/metrics").text
    for result in ('taken",type="track"', 'unplanned",type="track"'):
        assert f'gardoon_events_total{{result="{result}}} 1.0' in metrics
    assert 'gardoon_events_total{result="kept_aside",type="any"} 2.0' in metrics


def test_after_the_plan_is_mended_what_was_kept_aside_is_taken_in_once(
    make_worker: Callable[..., Worker], log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    monkeypatch.setenv("GARDOON_TRACKING_PLAN", str(tmp_path / "plan"))
    worker = make_worker()
    at = {"timestamp": "2026-11-22T12:55:00Z"}
    sent_at = "2026-11-22T13:00:00Z"  # three and a half hours fast
    send(worker, track("m1", event="wheel_spun", **at), track("m2", event=""), sent_at=sent_at)
    write_plan(tmp_path, required=["won"])

    listed, still = run("aside"), run("retake")
    write_plan(tmp_path, required=[])
    mended, again = run("retake"), run("retake")

    assert "properties.won" in listed
    assert "m1" in listed
    assert "0 taken in, 0 known already, 2 still kept aside" in still
    assert "1 taken in, 0 known already, 1 still kept aside" in mended
    assert "0 taken in, 0 known already, 1 still kept aside" in again
    assert owners(worker) == {"m1": "c1"}
    assert (NOW - occurred(worker, "m1")).total_seconds() == 300
    with worker.state.engine.connect() as connection:
        assert [row.message_id for row in connection.execute(select(events_aside))] == ["m2"]


def write_plan(folder: Path, required: list[str]) -> None:
    """A plan whose one event must have these properties."""
    schema = json.loads((FOLDER / "wheel_spun.json").read_text(encoding="utf-8"))
    place = folder / "plan"
    place.mkdir(exist_ok=True)
    (place / "wheel_spun.json").write_text(json.dumps({**schema, "required": required}), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"title": "spun"}, "wanted the title 'wheel_spun'"),
        ({"allOf": []}, r"found \['allOf'\]"),
        ({"required": ["prize"]}, r"required names \['prize'\]"),
        ({"properties": {"won": {"type": "boolean", "format": "date"}}}, r"won: found \['format'\]"),
        ({"properties": {"won": {"type": "null"}}}, "won: found the type 'null'"),
        ({"properties": {"won": {"type": "array", "contains": {}}}}, r"won: found \['contains'\]"),
        ({"properties": {"won": {"type": "array"}}}, r"won: found the items \[\]; wanted objects"),
        (
            {"properties": {"won": {"type": "array", "items": {"type": "object", "allOf": 1}}}},
            r"won: found the items .'allOf', 'type'",
        ),
        ({"properties": {"won": ARRAY_OF_NULLS}}, "prize: found the type 'null'"),
    ],
)
def test_a_plan_that_could_not_be_held_is_refused_with_its_file(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    schema = json.loads((FOLDER / "wheel_spun.json").read_text(encoding="utf-8"))
    (tmp_path / "wheel_spun.json").write_text(json.dumps({**schema, **change}), encoding="utf-8")

    with pytest.raises(PlanError, match=f"wheel_spun.json: {named}"):
        load_plan(tmp_path)


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"no \*.json"):
        load_plan(tmp_path)
