"""Every reason tells a machine what it compared: each rule is brought about once, and a rule without its fields is found."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
import pytest

from features.segment import CountIs, Segment
from service.decision_point import DecisionPoint
from service.guardrails.reason import UNITS
from service.schemas import Answer, Reason, Unit
from tests.service.conftest import Worker, stored_customer
from tests.service.test_ledger import with_rules

MakeWorker = Callable[..., Worker]
ROOT = Path(__file__).parents[2]
KINDS: Final[dict[Unit, type]] = {
    "actions": tuple,
    "zones": tuple,
    "flag": bool,
    "moment": datetime,
    "messages": float,
    "hours": float,
    "minutes": float,
    "money": float,
    "draws": float,
}
WHEEL, CHURN = "lucky_wheel", "churn_prevention"
MESSAGE = {"journey": CHURN, "decide": ["channel"]}


@dataclass(frozen=True)
class Scene:
    """What brings a rule about: a journey's rules, the customer, the hour (UTC, on the day of `NOW`) and the requests, of
    which the last one's answer has the reason; `limit`, `current` and `frees_at` are what it must say."""

    asked: dict[str, Any]
    limit: Any
    current: Any
    frees_at: str | None = None
    rules: dict[str, Any] = field(default_factory=dict)
    customer: dict[str, Any] = field(default_factory=dict)
    hours: float = 0.0
    before: int = 0


CHANNELS = ["email", "sms", "app_push", "web_push"]
SIZES = ["none", "10000", "20000", "30000", "40000", "50000"]
SEND = {"journey": CHURN, "decide": ["send_time"]}
COUPON = {"journey": CHURN, "decide": ["coupon"]}
FREQUENT = Segment(name="frequent", description="", where=CountIs(count="orders", within_days=28, at_least=2))
SCENES: Final[dict[str, Scene]] = {
    "journey": Scene(MESSAGE, ["sms"], CHANNELS, rules={"channel": {"actions": ["sms"]}}),
    "clock": Scene(
        SEND,
        [f"{hour:02d}" for hour in range(24) if hour != 2],
        [f"{hour:02d}" for hour in range(24)],
        "2026-03-30T00:00:00Z",
        customer={"time_zone": "Europe/Berlin"},
        hours=-5733.5,  # 21:00 on the eve of the night on which Berlin's clock goes from 02:00 to 03:00
    ),
    "audience": Scene(MESSAGE, True, False, rules={"audience": FREQUENT}, customer={"orders_28d": 1.0}),
    "request_eligible": Scene({**COUPON, "eligible": {"coupon": ["10000", "none"]}}, SIZES[:2], SIZES),
    "request_excluded": Scene({**COUPON, "excluded": {"coupon": ["none"]}}, SIZES[1:], SIZES),
    "request_force": Scene({**COUPON, "force": {"coupon": "30000"}, "dry_run": True}, ["30000"], SIZES),
    "business_as_usual": Scene(
        MESSAGE,
        ["email", "app_push", "web_push"],
        ["sms"],
        rules={
            "shares": {"business_as_usual": 0.999},
            "channel": {"usual": ["sms"]},
            "send_time": None,
            "coupon": None,
        },
        customer={"consent_sms": False},
    ),
    "timeout": Scene(
        {**MESSAGE, "timeout_ms": 0, "baseline": {"channel": "sms"}},
        ["email", "app_push", "web_push"],
        ["sms"],
        customer={"consent_sms": False},
    ),
    "consent": Scene(MESSAGE, True, False, customer={"consent_sms": False}),
    "reachability": Scene(MESSAGE, True, None, customer={"reachable_email": None}),
    "sms_blacklist": Scene(MESSAGE, False, True, customer={"sms_blacklisted": True}),
    "cap": Scene(
        MESSAGE,
        1.0,
        1.0,
        "2026-11-29T09:30:00Z",
        rules={"caps": [{"name": "weekly", "at_most": 1, "within": 168}]},
        before=1,
    ),
    "minimum_gap": Scene(MESSAGE, 3.0, 0.0, "2026-11-22T12:30:00Z", rules={"minimum_gap_hours": 3}, before=1),
    "quiet_hours": Scene(
        MESSAGE, "2026-11-23T04:30:00Z", "2026-11-22T23:30:00Z", "2026-11-23T04:30:00Z", hours=14
    ),
    "deadline": Scene(
        {**SEND, "deadline_at": "2026-11-22T09:00:00Z"}, "2026-11-22T09:00:00Z", "2026-11-22T09:30:00Z"
    ),
    "coupon_life": Scene(
        {"journey": WHEEL, "decide": ["coupon"]}, 30.0, 20.0, "2026-11-22T20:30:00Z", hours=10 + 2 / 3
    ),
    "budget": Scene(
        {**COUPON, "eligible": {"coupon": ["none", "30000"]}},
        30_000.0,
        30_000.0,
        "2026-11-22T20:30:00Z",
        rules={"coupon": {"daily_budget": 30_000}},
        before=20,
    ),
    "drawn_already": Scene(
        {"journey": WHEEL, "decide": ["coupon"]},
        1.0,
        1.0,
        "2026-11-22T20:30:00Z",
        rules={"coupon": {"once_per": "day"}},
        before=1,
    ),
    "time_zone": Scene(
        COUPON, ["Asia/Tehran"], ["Atlantis/Capital"], customer={"time_zone": "Atlantis/Capital"}
    ),
}


def play(scene: Scene, make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> dict[str, Any]:
    """The last answer of a scene."""
    journey = scene.asked["journey"]
    was = points[journey].model_dump()
    rules = {
        name: {**was[name], **part} if isinstance(part, dict) else part for name, part in scene.rules.items()
    }
    worker = make_worker(points=with_rules(points, journey, **rules))
    worker.clock.advance(hours=scene.hours)
    worker.reader.customers["c1"] = stored_customer("c1", at=worker.clock(), **scene.customer)
    answers = [worker.decide(customer_id="c1", **scene.asked) for _ in range(scene.before + 1)]
    return answers[-1]


@pytest.mark.parametrize("rule", SCENES)
def test_each_rule_tells_its_limit_what_was_found_and_when_it_frees_up(
    make_worker: MakeWorker, points: dict[str, DecisionPoint], rule: str
) -> None:
    scene = SCENES[rule]

    answer = play(scene, make_worker, points)

    told = [reason for reason in answer["reasons"] if reason["rule"].partition(":")[0] == rule]
    assert (told[0]["limit"], told[0]["current"], told[0]["frees_at"]) == (
        scene.limit,
        scene.current,
        scene.frees_at,
    )
    for reason in msgspec.convert(answer, Answer).reasons:
        assert has_its_fields(reason), reason


def has_its_fields(reason: Reason) -> bool:
    """Whether limit and current value are of the kind that the unit says; only what is unknown has none."""
    unknown = reason.current is None and reason.unit == "flag"
    kind = KINDS[reason.unit]
    return isinstance(reason.limit, kind) and (unknown or isinstance(reason.current, kind))


def test_every_rule_and_every_unit_is_walked_through() -> None:
    assert set(SCENES) == set(UNITS)
    assert set(UNITS.values()) == set(KINDS) == set(get_args(Unit))


def test_no_rule_is_told_of_that_has_no_unit_and_no_reason_is_made_another_way() -> None:
    named, made_in = set(), set()
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                first = node.args[0] if node.args else None
                if called in ("remove", "keep", "give_reason") and isinstance(first, ast.Constant):
                    named.add(first.value)
                if called == "Reason":
                    made_in.add(path.name)

    assert {"journey", "budget", "drawn_already"} <= named <= set(UNITS)
    assert made_in == {"reason.py"}
    assert all(each.default is MISSING for each in fields(Reason))


def test_the_documentation_has_a_row_of_every_rule_with_its_unit() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    rows = dict(re.findall(r"^\| `([a-z_]+)(?::NAME)?` \| ([a-z]+) \|", text, re.MULTILINE))

    assert rows == UNITS


def test_what_a_missing_profile_leaves_open_is_unknown_and_not_refused(worker: Worker) -> None:
    answer = worker.decide(customer_id="nobody", **MESSAGE)

    (reason,) = answer["reasons"]
    assert (reason["rule"], reason["limit"], reason["current"]) == ("consent", True, None)
    assert reason["features"] == [f"consent_{channel}" for channel in reason["actions"]]


def test_refused_and_unknown_consent_are_two_reasons(worker: Worker) -> None:
    worker.reader.customers["c2"] = stored_customer("c2", consent_sms=None, consent_email=False)

    reasons = worker.decide(customer_id="c2", **MESSAGE)["reasons"]

    assert [
        (reason["rule"], reason["actions"], reason["current"], reason["features"]) for reason in reasons
    ] == [
        ("consent", ["email"], False, ["consent_email"]),
        ("consent", ["sms"], None, ["consent_sms"]),
    ]


def test_a_deadline_that_moves_with_the_clock_says_when_it_allows_what_it_took(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    """At 22:30 in Tehran, with four hours to go, 03:00 is too late; at 23:00 it is not, although it is quiet then."""
    send_time = points[CHURN].send_time
    assert send_time is not None
    rules = {**send_time.model_dump(), "deadline_hours": 4}
    worker = make_worker(points=with_rules(points, CHURN, send_time=rules))
    worker.clock.advance(hours=9.5)
    worker.reader.customers["c1"] = stored_customer("c1")

    def taken_by(rule: str) -> list[str]:
        reasons = worker.decide(customer_id="c1", **SEND, dry_run=True)["reasons"]
        return [hour for reason in reasons if reason["rule"] == rule for hour in reason["actions"]]

    held = worker.decide(customer_id="c1", **SEND)
    (deadline,) = [reason for reason in held["reasons"] if reason["rule"] == "deadline"]
    worker.clock.now = datetime.fromisoformat(deadline["frees_at"])
    then = taken_by("deadline"), taken_by("quiet_hours")
    worker.clock.advance(microseconds=-1)

    assert held["status"] == "suppressed"
    assert deadline["frees_at"] == "2026-11-22T19:30:00Z"
    assert "03" in taken_by("deadline")
    assert "03" not in then[0]
    assert "03" in then[1]
