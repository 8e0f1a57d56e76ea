"""The choices of one decision, each masked by its constraints before its probabilities are computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.feedback import Booleans, Floats
from models.inputs import BUDGET_PRICE, bind
from models.policy import Policy, choose, uniform
from models.uniform_random import UniformRandom
from service.course import Course
from service.drawing import Choosing, Distribution, Drawing, Wanted, first_of
from service.guardrails import send_slot
from service.guardrails.budget import mask_budget
from service.guardrails.cap import BlockingCap, blocking_cap, mask_caps
from service.guardrails.mask import Mask
from service.guardrails.open_hours import Limits, open_hours
from service.guardrails.reach import open_channels
from service.guardrails.reason import Found, give_reason
from service.model_set import BoundPolicy
from service.point_decisions import DecisionName
from service.record import Round
from service.schemas import DecideRequest, Reason

NO_COUPON = "none"


def _decide_channel(course: Course) -> Choosing:
    assert course.point.channel is not None
    channels = course.models.policies["channel"].policy.action_names
    mask = open_channels(channels, course.point.channel.actions, *_known_of_reach(course)).copy()
    if "send_time" not in course.wanted:
        _hold_what_cannot_go_now(course, mask)
    if _may_be_capped(course):
        moments = _moments(course)
        attempts = {channel: [(channel, at) for at in moments] for channel in _tried(course, mask)}
        mask_caps(mask, attempts, _capped(course))
    course.channel = yield from _take(course, mask, course.models.policies["channel"])
    if course.channel is not None:
        course.inputs.set(f"channel_{course.channel}", 1.0)


def _known_of_reach(course: Course) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    """Which features tell whether a channel reaches the customer, and what they say, None where it is not known.

    What a default may stand in for is not known, rather than false.
    """
    names, places = course.models.known_of_reach
    known = [None if math.isnan(value) else value for value in course.facts.features.values[places].tolist()]
    if any(name.startswith("profile:") for name in course.facts.features.degraded):
        known = [value or None for value in known]
    return names, tuple(known)


def _hold_what_cannot_go_now(course: Course, mask: Mask) -> None:
    """Leave nothing in the quiet hours of a journey that has them: without a send time a message goes out at once."""
    quiet = course.point.send_time.quiet_hours if course.point.send_time else None
    if quiet is not None:
        now = dict.fromkeys(mask.actions, course.facts.decided_at)
        send_slot.mask_quiet_hours(mask, now, course.zone, quiet)


def _moments(course: Course) -> list[datetime]:
    """When the message could go out, caps aside: the open hours that were asked for, or now where none is decided."""
    if "send_time" not in course.wanted:
        return [course.facts.decided_at]
    mask = _hours(course)
    _apply_request(course.facts.request, mask)
    return [course.slots[hour] for hour in mask.open_actions]


def _hours(course: Course) -> Mask:
    """The hours that clock, deadline, quiet hours and the coupon's life leave."""
    point, coupon = course.point.send_time, course.point.coupon
    assert point is not None
    expires_at, life = None, timedelta(0)
    if coupon is not None and "coupon" in course.wanted and coupon.valid == "until_local_midnight":
        expires_at, life = course.local_midnight, timedelta(minutes=coupon.minimum_life_minutes)
    hours = course.models.policies["send_time"].policy.action_names
    limits = Limits(
        point.quiet_hours, point.deadline_hours, course.facts.request.deadline_at, expires_at, life
    )
    return open_hours(hours, course.facts.decided_at, course.zone, limits)


def _decide_send_time(course: Course) -> Choosing:
    slots, mask = course.slots, _hours(course)
    if _may_be_capped(course):
        attempts = {hour: [(course.channel, slots[hour])] for hour in _tried(course, mask) if hour in slots}
        mask_caps(mask, attempts, _capped(course))
    hour = yield from _take(course, mask, course.models.policies["send_time"])
    if hour is not None:
        course.send_at = slots[hour]
        course.inputs.set("send_hour", float(hour))


def _tried(course: Course, mask: Mask) -> tuple[str, ...]:
    """The actions that caps are asked about: those still open, all where it is to be told what would be without a rule."""
    return mask.actions if course.facts.request.explain == "counterfactual" else mask.open_actions


def _may_be_capped(course: Course) -> bool:
    """Whether caps have to be asked: of a customer without messages only one that allows none at all says no."""
    caps = (*course.point.caps, *course.point.shop.caps)
    return bool(course.facts.standing.messages) or any(cap.at_most == 0 for cap in caps)


def _capped(course: Course) -> BlockingCap:
    """Whether one more message on a channel at a moment would break a cap of this journey or of the shop."""
    return blocking_cap(course.point, course.facts.standing.messages, course.zone)


def _decide_coupon(course: Course) -> Choosing:
    point = course.point.coupon
    assert point is not None
    mask = _sizes(course.models.policies["coupon"].policy.action_names, point.amounts).copy()
    expires_at = course.coupon_expiry(point)
    life = expires_at - course.effective_at
    if life < timedelta(minutes=point.minimum_life_minutes):
        minutes = life / timedelta(minutes=1)
        found = Found(point.minimum_life_minutes, round(minutes, 3), expires_at)
        sizes = [name for name in mask.actions if name != NO_COUPON]
        mask.remove("coupon_life", sizes, f"a code would live only {int(minutes)} minutes", found)
    budget = course.facts.standing.budget
    if budget is not None and point.daily_budget is not None:
        mask_budget(mask, point.daily_budget, budget, course.budget_ends_at)
    price = max(point.budget_price, budget.price if budget else 0.0)
    course.inputs.set(BUDGET_PRICE, price)
    bound = course.models.policies["coupon"]
    action = yield from _take(course, mask, bound)
    if course.facts.request.explain != "none" and isinstance(bound.policy, (CouponThompson, CouponByJourney)):
        course.customer_class = bound.policy.customer_class(course.inputs.values[bound.places])
    if action is not None:
        course.coupon_amount = 0 if action == NO_COUPON else int(action)


def _decide_message(course: Course) -> Choosing:
    assert course.point.message is not None
    variants = course.point.message.variants
    split = BoundPolicy(UniformRandom(action_names=variants), bind((), ()))
    mask = Mask("message", variants)
    if "channel" not in course.wanted:  # else it goes the way that was chosen, within its limits
        if "send_time" not in course.wanted:
            _hold_what_cannot_go_now(course, mask)
        mask_caps(mask, {each: [(None, course.effective_at)] for each in variants}, _capped(course))
    course.message = yield from _take(course, mask, split)


def _take(course: Course, mask: Mask, bound: BoundPolicy) -> Generator[Wanted, Floats, str | None]:
    """The chosen action, its round noted; None when the constraints left none, which suppresses the whole decision."""
    _apply_request(course.facts.request, mask)
    course.reasons += mask.reasons
    context = course.inputs.values[bound.places]
    drawing = _drawing(course, mask, bound.policy, context)
    course.drawings.append(drawing)
    if not mask.open_actions:
        course.suppressed = True
        return None
    eligible = mask.eligible
    probabilities: Floats | None
    if drawing.policy is None or len(mask.open_actions) == 1:
        probabilities = drawing.distribution(context, eligible)
    else:
        probabilities = yield Wanted(drawing.policy, context, eligible)
    if probabilities is None:
        course.reasons.append(_nothing_usual(course, mask))
        course.suppressed = True
        return None
    action = choose(probabilities, uniform(course.facts.decision_id, mask.decision))
    course.rounds.append(_round(mask, eligible, bound, context, probabilities, action))
    return mask.actions[action]


def _drawing(course: Course, mask: Mask, policy: Policy, context: Floats) -> Drawing:
    """How the action is drawn: as the policy says, evenly, or the one that would be done without Gardoon."""
    used: Policy | None = None
    if mask.decision in course.facts.request.force:
        draw: Distribution = _whatever_is_left
    elif course.facts.late or course.group == "business_as_usual":
        draw = first_of(mask.actions, _preferred(course, mask.decision))
    elif course.group == "random":
        draw = UniformRandom(action_names=policy.action_names).probabilities
    else:
        used, draw = policy, policy.probabilities
    return Drawing(course.facts.decision_id, mask, context, draw, used)


def _whatever_is_left(_context: Floats, eligible: Booleans) -> Floats:
    return eligible.astype(np.float64)


def _preferred(course: Course, decision: DecisionName) -> tuple[str, ...]:
    """What would be done without Gardoon, by preference: the caller's baseline where time ran out, else what is usual."""
    if course.facts.late:
        baseline = course.facts.request.baseline.get(decision)
        return () if baseline is None else (baseline,)
    return course.point.usual(decision)


def _nothing_usual(course: Course, mask: Mask) -> Reason:
    preferred, left = _preferred(course, mask.decision), mask.open_actions
    detail = f"of {list(preferred)} none is eligible; open are {list(left)}"
    rule = "timeout" if course.facts.late else "business_as_usual"
    return give_reason(rule, detail, Found(left, preferred), decision=mask.decision)


def _round(
    mask: Mask, eligible: Booleans, bound: BoundPolicy, context: Floats, probabilities: Floats, action: int
) -> Round:
    return Round(
        decision=mask.decision,
        inputs=bound.policy.input_names,
        context=tuple([None if math.isnan(value) else value for value in context.tolist()]),
        actions=mask.actions,
        eligible=tuple(eligible.tolist()),
        probabilities=tuple(probabilities.tolist()),
        action=action,
        propensity=float(probabilities[action]),
    )


def _apply_request(request: DecideRequest, mask: Mask) -> None:
    allowed, banned = request.eligible.get(mask.decision), request.excluded.get(mask.decision, ())
    if allowed is not None:
        mask.keep("request_eligible", allowed, "not among the request's eligible actions")
    if banned:
        unbanned = [name for name in mask.actions if name not in banned]
        mask.keep("request_excluded", unbanned, "excluded by the request")
    if forced := request.force.get(mask.decision):
        mask.keep("request_force", (forced,), "the request forces another action")


@lru_cache(maxsize=256)
def _sizes(actions: tuple[str, ...], amounts: tuple[int, ...]) -> Mask:
    """The sizes that a journey offers; a copy of it may be narrowed. Kept: there are no more than journeys."""
    mask = Mask("coupon", actions)
    mask.keep("journey", {_coupon_action(amount) for amount in amounts}, "not a size of this journey")
    return mask


def _coupon_action(amount: int) -> str:
    return str(amount) if amount else NO_COUPON


CHOICES: dict[DecisionName, Callable[[Course], Choosing]] = {
    "channel": _decide_channel,
    "send_time": _decide_send_time,
    "coupon": _decide_coupon,
    "message": _decide_message,
}
