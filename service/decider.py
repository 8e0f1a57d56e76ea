"""One decision, straight through: score → group → mask → probabilities → choose → answer.

A pure function of facts, models and rules: the same three give the same bytes, so any logged decision can be made again.
The service reads the features before it and appends the record to the log after it (`service/routes.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from features.encoding import FeatureVector
from models.feedback import Floats
from models.inputs import Inputs, bind
from models.policy import choose, uniform
from models.uniform_random import UniformRandom
from service.coupon_code import coupon_code
from service.decision_point import CouponPoint, DecisionName, DecisionPoint
from service.errors import UnusableRequestError
from service.group import assign_group
from service.guardrails import send_slot
from service.guardrails.mask import Mask
from service.guardrails.reach import mask_channels
from service.model_set import BoundPolicy, ModelSet
from service.record import DecisionRecord, Round, Shop, pack_features
from service.schemas import Answer, Coupon, DecideRequest, Group, Reason, Scores, Status

NO_COUPON = "none"


@dataclass(frozen=True)
class Facts:
    """What is known of one decision before it is made."""

    decision_id: str
    decided_at: datetime
    request: DecideRequest
    features: FeatureVector


@dataclass(frozen=True)
class Rules:
    """What holds for every decision of a journey."""

    point: DecisionPoint
    version: str
    time_zone: str
    currency: str
    coupon_secret: bytes


@dataclass
class _Course:
    """A decision under way: what was chosen so far and what it was chosen from."""

    facts: Facts
    models: ModelSet
    point: DecisionPoint
    group: Group
    zone: ZoneInfo
    inputs: Inputs
    features: dict[str, float]
    rounds: list[Round] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    channel: str | None = None
    send_at: datetime | None = None
    coupon_amount: int | None = None
    message: str | None = None
    suppressed: bool = False


def decide(facts: Facts, models: ModelSet, rules: Rules) -> DecisionRecord:
    """The record of the decision, its answer included.

    Raises: `UnusableRequestError` when the request asks for decisions or names actions that the journey does not have.
    """
    wanted = _wanted(facts.request, rules.point)
    scores = models.scores(facts.features.values)
    course = _start(facts, models, rules, scores)
    if course.group != "holdout":
        for decision in wanted:
            if not course.suppressed:
                _STEPS[decision](course)
    answer = _answer(course, scores_of(scores, rules.currency), rules)
    return DecisionRecord(
        decision_id=facts.decision_id,
        decided_at=facts.decided_at,
        request=facts.request,
        features=pack_features(facts.features.values),
        time_zone=facts.features.strings["time_zone"],
        shop=Shop(time_zone=rules.time_zone, currency=rules.currency),
        degraded=facts.features.degraded,
        versions=answer.versions,
        status=answer.status,
        group=answer.group,
        rounds=tuple(course.rounds),
        effective_at=course.send_at or facts.decided_at,
        answer=answer.model_dump_json(),
    )


def scores_of(scores: dict[str, float], currency: str) -> Scores:
    """The scores as an answer shows them: money in whole numbers."""
    return Scores(
        purchase_propensity=scores["purchase_propensity"],
        churn_risk=scores["churn_risk"],
        expected_value=round(scores["expected_value"]),
        currency=currency,
    )


def _wanted(request: DecideRequest, point: DecisionPoint) -> tuple[DecisionName, ...]:
    unknown = [name for name in request.decide if name not in point.decisions]
    if unknown:
        raise UnusableRequestError(
            f"journey {point.journey} decides {list(point.decisions)}; asked for {unknown}"
        )
    return tuple(name for name in point.decisions if not request.decide or name in request.decide)


def _start(facts: Facts, models: ModelSet, rules: Rules, scores: dict[str, float]) -> _Course:
    point = rules.point
    zone = ZoneInfo(facts.features.strings["time_zone"] or rules.time_zone)
    local = facts.decided_at.astimezone(zone)
    inputs = Inputs(names=models.input_names, features=facts.features.values)
    for name, score in scores.items():
        inputs.set(name, score)
    inputs.set("local_hour", local.hour)
    inputs.set("local_weekday", local.weekday())
    group = assign_group(facts.request.customer_id, point.salt, point.shares)
    features = dict(zip(models.input_names, facts.features.values.tolist(), strict=False))
    return _Course(facts, models, point, group, zone, inputs, features)


def _decide_channel(course: _Course) -> None:
    assert course.point.channel is not None
    mask = Mask("channel", course.models.policies["channel"].policy.action_names)
    mask.keep("journey", course.point.channel.actions, "not a channel of this journey")
    mask_channels(mask, course.features)
    course.channel = _take(course, mask, course.models.policies["channel"])
    if course.channel is not None:
        course.inputs.set(f"channel_{course.channel}", 1.0)


def _decide_send_time(course: _Course) -> None:
    point, request, now = course.point.send_time, course.facts.request, course.facts.decided_at
    assert point is not None
    moments = send_slot.slots(now, course.zone)
    mask = Mask("send_time", course.models.policies["send_time"].policy.action_names)
    mask.keep("clock", moments, "the clock skips this hour tonight")
    deadline = now + timedelta(hours=point.deadline_hours)
    if request.deadline_at is not None:
        deadline = min(deadline, request.deadline_at)
    send_slot.mask_deadline(mask, moments, deadline)
    if point.quiet_hours is not None:
        send_slot.mask_quiet_hours(mask, moments, course.zone, point.quiet_hours)
    coupon = course.point.coupon
    if coupon is not None and coupon.valid == "until_local_midnight":
        expires_at, life = _expiry(coupon, course), timedelta(minutes=coupon.minimum_life_minutes)
        send_slot.mask_coupon_life(mask, moments, expires_at, life)
    hour = _take(course, mask, course.models.policies["send_time"])
    if hour is not None:
        course.send_at = moments[hour]
        course.inputs.set("send_hour", float(hour))


def _decide_coupon(course: _Course) -> None:
    point = course.point.coupon
    assert point is not None
    mask = Mask("coupon", course.models.policies["coupon"].policy.action_names)
    mask.keep("journey", {_coupon_action(amount) for amount in point.amounts}, "not a size of this journey")
    life = _expiry(point, course) - (course.send_at or course.facts.decided_at)
    if life < timedelta(minutes=point.minimum_life_minutes):
        mask.keep(
            "coupon_life", {NO_COUPON}, f"a code would live only {int(life.total_seconds() / 60)} minutes"
        )
    action = _take(course, mask, course.models.policies["coupon"])
    if action is not None:
        course.coupon_amount = 0 if action == NO_COUPON else int(action)


def _decide_message(course: _Course) -> None:
    assert course.point.message is not None
    variants = course.point.message.variants
    split = BoundPolicy(UniformRandom(action_names=variants), bind((), ()))
    course.message = _take(course, Mask("message", variants), split)


_STEPS = {
    "channel": _decide_channel,
    "send_time": _decide_send_time,
    "coupon": _decide_coupon,
    "message": _decide_message,
}


def _take(course: _Course, mask: Mask, bound: BoundPolicy) -> str | None:
    """The chosen action, its round noted; None when the constraints left none, which suppresses the whole decision."""
    _apply_request(course.facts.request, mask)
    course.reasons += mask.reasons
    if not mask.eligible.any():
        course.suppressed = True
        return None
    context = course.inputs.values[bound.places]
    policy = bound.policy
    if course.group == "random":
        policy = UniformRandom(action_names=policy.action_names)
    probabilities = policy.probabilities(context, mask.eligible)
    action = choose(probabilities, uniform(course.facts.decision_id, mask.decision))
    course.rounds.append(_round(mask, bound, context, probabilities, action))
    return mask.actions[action]


def _round(mask: Mask, bound: BoundPolicy, context: Floats, probabilities: Floats, action: int) -> Round:
    return Round(
        decision=mask.decision,
        inputs=bound.policy.input_names,
        context=tuple(None if math.isnan(value) else value for value in context.tolist()),
        actions=mask.actions,
        eligible=tuple(mask.eligible.tolist()),
        probabilities=tuple(probabilities.tolist()),
        action=action,
        propensity=float(probabilities[action]),
    )


def _apply_request(request: DecideRequest, mask: Mask) -> None:
    allowed, banned = request.eligible.get(mask.decision), request.excluded.get(mask.decision, ())
    unknown = sorted({*(allowed or ()), *banned} - set(mask.actions))
    if unknown:
        raise UnusableRequestError(
            f"{mask.decision} has the actions {list(mask.actions)}; named were {unknown}"
        )
    if allowed is not None:
        mask.keep("request_eligible", allowed, "not among the request's eligible actions")
    mask.remove("request_excluded", banned, "excluded by the request")


def _coupon_action(amount: int) -> str:
    return str(amount) if amount else NO_COUPON


def _expiry(point: CouponPoint, course: _Course) -> datetime:
    if point.valid == "until_local_midnight":
        return send_slot.local_midnight(course.facts.decided_at, course.zone)
    return (course.send_at or course.facts.decided_at) + timedelta(hours=point.valid)


def _status(course: _Course) -> Status:
    if course.group == "holdout":
        return "holdout"
    if course.suppressed:
        return "suppressed"
    if course.channel is None and not course.coupon_amount:
        return "hold"
    return "act"


def _answer(course: _Course, scores: Scores, rules: Rules) -> Answer:
    facts, status = course.facts, _status(course)
    acts = status == "act"
    propensity: dict[str, float] = {round_.decision: round_.propensity for round_ in course.rounds}
    return Answer(
        decision_id=facts.decision_id,
        decided_at=facts.decided_at,
        customer_id=facts.request.customer_id,
        journey=facts.request.journey,
        status=status,
        group=course.group,
        channel=course.channel if acts else None,
        send_at=course.send_at if acts else None,
        coupon=_coupon(course, rules) if acts else None,
        message=course.message if acts else None,
        propensity={**propensity, "joint": float(np.prod(list(propensity.values())))},
        scores=scores,
        probabilities=_explained(course) if facts.request.explain == "scores" else None,
        reasons=tuple(course.reasons),
        versions={**course.models.versions, "journey": rules.version},
        degraded=facts.features.degraded,
    )


def _coupon(course: _Course, rules: Rules) -> Coupon | None:
    if not course.coupon_amount or course.point.coupon is None:
        return None
    facts = course.facts
    code = coupon_code(rules.coupon_secret, facts.decision_id, course.coupon_amount)
    expires_at = _expiry(course.point.coupon, course)
    return Coupon(
        code=None if facts.request.dry_run else code,
        amount=course.coupon_amount,
        currency=rules.currency,
        expires_at=expires_at,
    )


def _explained(course: _Course) -> dict[str, dict[str, float]]:
    return {
        r.decision: {
            name: p for name, p, on in zip(r.actions, r.probabilities, r.eligible, strict=True) if on
        }
        for r in course.rounds
    }
