"""Whole decisions against what they were to keep: no rule is ever broken, nothing is dropped without saying until when, and
the logged propensities are those with which actions are really chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.encoding import encode
from models.inputs import CHANNELS
from service.course import Facts, Rules
from service.decider import decide
from service.decision_id import decision_id
from service.decision_point import DecisionPoint
from service.point_limits import ShopRules
from service.record import DecisionRecord
from service.schemas import Answer, DecideRequest
from service.standing import BudgetStanding, CountedMessage, Standing
from tests.service.conftest import NOW, Worker, stored_customer
from tests.service.guardrails.situation import TURNING, is_quiet_by_the_clock
from tests.service.test_reason import has_its_fields

MakeWorker = Callable[..., Worker]
SHOP = ShopRules.model_validate(
    {"minimum_gap_hours": 1, "caps": [{"name": "two_a_day", "at_most": 2, "within": 24}]}
)
CAPS = [
    {"name": "one_sms", "at_most": 1, "within": "day", "channel": "sms"},
    {"name": "three_a_week", "at_most": 3, "within": "week"},
]
LIMIT = 100_000


@pytest.fixture
def wheel(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Callable[..., DecisionRecord]:
    """Decides on the wheel from given facts, without any I/O."""
    fields = {**points["lucky_wheel"].model_dump(), "caps": CAPS, "shop": SHOP}
    fields["coupon"] |= {"daily_budget": LIMIT}
    worker = make_worker(points={"lucky_wheel": DecisionPoint.model_validate(fields)})
    state, models = worker.state, worker.state.feed.current
    rules: Rules = state.rules_of("lucky_wheel")

    def made(
        number: int, at: datetime, zone: str, standing: Standing, request: dict[str, Any], **facts: object
    ) -> DecisionRecord:
        stored = stored_customer("c", at=at, time_zone=zone, **facts)
        features = encode(stored, now=at, schema=state.schema)
        identity = decision_id(int(at.timestamp() * 1000), number.to_bytes(10, "big"))
        asked = DecideRequest.model_validate({"customer_id": "c", "journey": "lucky_wheel", **request})
        return decide(Facts(identity, at, asked, features, standing), models, rules)

    return made


def sent(at: datetime, channel: str, journey: str) -> CountedMessage:
    return CountedMessage(due_at=at, channel=channel, journey=journey, tags=("promotion",))


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    """A customer at a moment near a turn of the clock, with a past, a day's spend and a wish."""
    turn, zone = draw(st.sampled_from(TURNING))
    at = turn + timedelta(minutes=draw(st.integers(-1500, 1500)))
    minutes = st.integers(-2000, 1400)
    messages = st.builds(
        sent,
        minutes.map(lambda each: at + timedelta(minutes=each)),
        st.sampled_from(CHANNELS),
        st.sampled_from(["lucky_wheel", "other"]),
    )
    facts = {f"consent_{channel}": draw(st.booleans()) for channel in CHANNELS}
    return {
        "number": draw(st.integers(0, 2**60)),
        "at": at,
        "zone": zone.key,
        "messages": tuple(draw(st.lists(messages, max_size=4))),
        "used": draw(st.sampled_from([0, 60_000, 95_000, LIMIT])),
        "wait_minutes": draw(st.integers(10, 1500)),
        "facts": {**facts, "sms_blacklisted": draw(st.booleans())},
    }


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(situation=situations())
def test_no_answer_breaks_a_rule_and_no_suppression_is_silent(
    wheel: Callable[..., DecisionRecord], situation: dict[str, Any]
) -> None:
    at, zone = situation["at"], ZoneInfo(situation["zone"])
    deadline = at + timedelta(minutes=situation["wait_minutes"])
    standing = Standing(
        messages=situation["messages"],
        budget=BudgetStanding(day=date(2026, 1, 1), used=situation["used"], price=0.0),
    )

    record = wheel(
        situation["number"],
        at,
        situation["zone"],
        standing,
        {"deadline_at": deadline.isoformat(), "explain": "counterfactual"},
        **situation["facts"],
    )

    answer = msgspec.json.decode(record.answer, type=Answer)
    for reason in answer.reasons:
        assert has_its_fields(reason), reason
        assert reason.frees_at is None or reason.frees_at > at, reason
    if answer.status == "act":
        keeps_every_rule(answer, situation, deadline, zone)
    elif answer.status == "suppressed":
        decision = answer.reasons[-1].decision
        closed = [name for reason in answer.reasons if reason.decision == decision for name in reason.actions]
        assert closed, "nothing was left, and no reason took it"
        assert len(closed) == len(set(closed)), "an action is taken away once"


def keeps_every_rule(answer: Answer, situation: dict[str, Any], deadline: datetime, zone: ZoneInfo) -> None:
    """The rules in plain words, each checked minute by minute or message by message."""
    facts, due_at, channel = situation["facts"], answer.send_at, answer.channel
    assert due_at is not None
    assert channel is not None
    assert facts[f"consent_{channel}"]
    assert not (channel == "sms" and facts["sms_blacklisted"])
    assert answer.decided_at <= due_at <= min(deadline, answer.decided_at + timedelta(hours=16))
    assert not is_quiet_by_the_clock(due_at.replace(second=0, microsecond=0), zone, NIGHT)
    messages = [*situation["messages"], sent(due_at, channel, "lucky_wheel")]
    own = [message for message in messages if message.journey == "lucky_wheel"]
    days = [m.due_at.astimezone(zone).date() for m in own if m.channel == "sms"]
    today = due_at.astimezone(zone).date()
    assert channel != "sms" or days.count(today) <= 1
    weeks = [message.due_at.astimezone(zone).isocalendar()[:2] for message in own]
    assert weeks.count(today.isocalendar()[:2]) <= 3
    others = [message.due_at for message in situation["messages"]]
    assert all(abs(other - due_at) >= timedelta(hours=1) for other in others)
    starts = [m.due_at for m in messages if m.due_at <= due_at < m.due_at + timedelta(hours=24)]
    for start in starts:
        assert sum(start <= m.due_at < start + timedelta(hours=24) for m in messages) <= 2
    assert answer.coupon is not None
    assert situation["used"] + answer.coupon.amount <= LIMIT
    midnight = datetime.combine(answer.decided_at.astimezone(zone).date() + timedelta(days=1), time(0), zone)
    # In UTC: a midnight that the clock skips equals no moment of another zone.
    assert answer.coupon.expires_at == midnight.astimezone(UTC)
    assert answer.coupon.expires_at - due_at >= timedelta(minutes=30)


class _Night:
    start, end = time(22), time(8)


NIGHT: Any = _Night()


def test_a_message_at_night_is_put_off_to_the_morning_or_held_until_then(
    wheel: Callable[..., DecisionRecord],
) -> None:
    """At 23:00 in Tehran the wheel's code dies before the night is over; what else is sent waits for 08:00."""
    at = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)
    message = {"decide": ["channel", "send_time"]}

    moved = wheel(1, at, "Asia/Tehran", Standing(), message)
    held = wheel(
        2, at, "Asia/Tehran", Standing(), {**message, "deadline_at": (at + timedelta(hours=3)).isoformat()}
    )
    dying = wheel(3, at, "Asia/Tehran", Standing(), {})

    assert msgspec.json.decode(moved.answer, type=Answer).send_at >= datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
    for record in (held, dying):
        answer = msgspec.json.decode(record.answer, type=Answer)
        (night,) = [reason for reason in answer.reasons if reason.rule == "quiet_hours"]
        assert answer.status == "suppressed"
        assert night.frees_at == datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def test_a_channel_that_is_only_free_at_hours_that_were_not_asked_for_is_not_chosen(
    wheel: Callable[..., DecisionRecord],
) -> None:
    """At 19:00 in Tehran, after an SMS in the morning: another may go out tomorrow, but only this evening was asked for."""
    at = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
    standing = Standing(messages=(sent(at - timedelta(hours=9), "sms", "lucky_wheel"),))
    request = {"decide": ["channel", "send_time"], "eligible": {"send_time": ["20", "21"]}}

    records = [wheel(number, at, "Asia/Tehran", standing, request) for number in range(30)]
    tomorrow = [
        wheel(number, at, "Asia/Tehran", standing, {**request, "eligible": {}}) for number in range(30)
    ]

    assert {record.status for record in records} == {"act"}
    assert "sms" not in {record.chosen("channel") for record in records}
    assert "sms" in {record.chosen("channel") for record in tomorrow}


def test_actions_are_chosen_as_often_as_their_logged_propensities_say_after_masking(
    wheel: Callable[..., DecisionRecord],
) -> None:
    """2,000 seeded decisions, 34 actions: a right one is off by 4.5 standard errors in one of them with less than 3e-4."""
    standing = Standing(
        messages=(sent(NOW + timedelta(hours=4), "sms", "lucky_wheel"),),
        budget=BudgetStanding(day=date(2026, 11, 22), used=65_000, price=0.5),
    )
    expected, chosen, variance = (defaultdict[tuple[str, str], float](float) for _ in range(3))
    taken = set()

    for number in range(2000):
        record = wheel(number, NOW, "Asia/Tehran", standing, {}, consent_web_push=False)
        for round_ in record.rounds:
            for action, eligible, p in zip(
                round_.actions, round_.eligible, round_.probabilities, strict=True
            ):
                place = (round_.decision, action)
                expected[place] += p
                variance[place] += p * (1 - p)
                chosen[place] += action == round_.chosen
                assert eligible or p == 0
            taken |= {
                (round_.decision, a) for a, on in zip(round_.actions, round_.eligible, strict=True) if not on
            }
            assert round_.propensity == round_.probabilities[round_.action]

    assert {("channel", "sms"), ("channel", "web_push"), ("send_time", "17"), ("coupon", "40000")} <= taken
    assert sum(count > 0 for count in chosen.values()) > 10
    for place, count in chosen.items():
        assert abs(count - expected[place]) <= 4.5 * np.sqrt(variance[place]) + 1e-9, place


def test_what_one_request_excludes_is_open_to_the_next_at_the_same_moment(
    wheel: Callable[..., DecisionRecord],
) -> None:
    facts = {f"{fact}_{channel}": True for fact in ("consent", "reachable") for channel in CHANNELS}
    ask = {"decide": ["send_time"]}
    asked = [ask, {**ask, "excluded": {"send_time": ["18", "19"]}}, ask]

    first, narrowed, again = (
        wheel(1, NOW, "Asia/Tehran", Standing(), each, **facts).rounds[0] for each in asked
    )

    assert narrowed.eligible != first.eligible
    assert again == first
