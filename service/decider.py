"""One decision, straight through: score → group → mask → probabilities → choose → answer.

A pure function of facts, models and rules: the same three give the same bytes, so any logged decision can be made again.
The service reads the features before it and appends the record to the log after it (`service/deciding.py`).

It rests where its function yields: of many decisions the same step may be taken before the next one of any, and a policy is
asked for the probabilities of all of them at once. That takes a third less time than one whole decision after another.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.json import Encoder

from models.feedback import Floats
from service.audience import outside_audience
from service.choice import CHOICES
from service.claiming import GOING_OUT, activate_by, claims_of
from service.counterfactual import counterfactual_of
from service.coupons.code import coupon_code
from service.coupons.token import SignedCoupon, write_token
from service.course import Course, Facts, Rules, start
from service.drawing import Wanted, probabilities_of
from service.guardrails.draw import drawn_until
from service.guardrails.reason import Found, give_reason
from service.model_set import ModelSet
from service.point_decisions import DecisionName
from service.record import DecisionRecord, Shop, pack_features
from service.request_check import check_request, passed_deadline
from service.schemas import Answer, Counterfactual, Coupon, Reason, Scores, Status
from service.standing import Draw

_ANSWER: Final = Encoder()
_MANY: Final = 6
"""Rows that LightGBM scores together in less time than one after another."""


def decide(facts: Facts, models: ModelSet, rules: Rules) -> DecisionRecord:
    """The record of the decision, its answer included.

    Raises: `UnusableRequestError` when the request asks for decisions or names actions that the journey does not have.
    """
    return _to_the_end(_steps(facts, models, rules))


def decide_scored(
    facts: Facts, models: ModelSet, rules: Rules, scores: Mapping[str, float]
) -> DecisionRecord:
    """The same, where the models' scores of these features are known already. Raises: what `decide` does."""
    return _to_the_end(_steps(facts, models, rules, scores))


class Asked(NamedTuple):
    """What `decide` is given."""

    facts: Facts
    models: ModelSet
    rules: Rules


def decide_side_by_side(asked: Sequence[Asked]) -> list[DecisionRecord | Exception]:
    """Of each what `decide` returns or raises, each step taken of all before the next one of any."""
    made: dict[int, DecisionRecord | Exception] = {}
    scores = _scores_together(asked)
    going = {place: _steps(*each, scores.get(place)) for place, each in enumerate(asked)}
    while going:
        wanted = _take_steps(going, dict.fromkeys(going), made)
        while wanted:
            found = dict(zip(wanted, probabilities_of(list(wanted.values())), strict=True))
            wanted = _take_steps(going, found, made)
    return [made[place] for place in range(len(asked))]


def _scores_together(asked: Sequence[Asked]) -> dict[int, Mapping[str, float]]:
    """The scores of each, those of the same models by one calculation; of none where they are few or that failed: each of
    them then asks alone, which costs less than a calculation for many.
    """
    by_models: dict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(asked):
        by_models[id(each.models)].append(place)
    scores: dict[int, Mapping[str, float]] = {}
    for places in by_models.values():
        if len(places) < _MANY:
            continue
        vectors = np.concatenate([asked[place].facts.features.values for place in places])
        with suppress(Exception):
            found = asked[places[0]].models.scores_many(vectors.reshape(len(places), -1))
            scores.update(zip(places, found, strict=True))
    return scores


Steps = Generator[Wanted | None, Floats | None, DecisionRecord]
"""A decision under way. It rests with what it waits for, which it is sent, or without."""


def _take_steps(
    going: dict[int, Steps],
    given: Mapping[int, Floats | Exception | None],
    made: dict[int, DecisionRecord | Exception],
) -> dict[int, Wanted]:
    """Let each of those that are given something go on with it; what they wait for. Who is done is put among those made."""
    wanted = {}
    for place, value in given.items():
        steps = going[place]
        try:
            waits_for = steps.throw(value) if isinstance(value, Exception) else steps.send(value)
        except StopIteration as end:
            made[place] = end.value
            del going[place]
        except Exception as error:  # noqa: BLE001 - its caller's, and none of the others'
            made[place] = error
            del going[place]
        else:
            if waits_for is not None:
                wanted[place] = waits_for
    return wanted


def _to_the_end(steps: Steps) -> DecisionRecord:
    given = None
    while True:
        try:
            wanted = steps.send(given)
        except StopIteration as end:
            record: DecisionRecord = end.value
            return record
        given = None if wanted is None else wanted.alone()


def _steps(facts: Facts, models: ModelSet, rules: Rules, scores: Mapping[str, float] | None = None) -> Steps:
    """The decision, resting before each choice and before what is told of them."""
    if scores is None:
        scores = models.scores(facts.features.values)
    wanted = check_request(facts.request, rules.point, models)
    course = start(facts, models, rules, wanted, scores)
    against = outside_audience(course) or (passed_deadline(facts) if course.group != "holdout" else None)
    if against is not None:
        course.suppressed = True
        course.reasons.append(against)
    elif course.group != "holdout":
        if course.repeats is not None:
            course.reasons.append(_drawn_already(course, course.repeats))
        else:
            for decision in wanted:
                yield None
                if not course.suppressed:
                    yield from CHOICES[decision](course)
    yield None
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
        rounds=()
        if facts.request.force or facts.late
        else tuple(course.rounds),  # not drawn: teaches nothing
        effective_at=course.effective_at if answer.status in GOING_OUT else facts.decided_at,
        standing=facts.standing,
        late=facts.late,
        claims=claims_of(course, answer, rules),
        repeats=answer.repeats,
        answer=_ANSWER.encode(answer).decode(),
    )


def _drawn_already(course: Course, draw: Draw) -> Reason:
    frees_at = drawn_until(draw, course.point, course.facts.decided_at, course.zone)
    detail = f"one draw in {draw.period}: decision {draw.decision_id} gave the answer"
    return give_reason("drawn_already", detail, Found(1, 1, frees_at), decision="coupon")


def scores_of(scores: Mapping[str, float], currency: str) -> Scores:
    """The scores as an answer shows them: money in whole numbers."""
    return Scores(
        purchase_propensity=scores["purchase_propensity"],
        churn_risk=scores["churn_risk"],
        expected_value=round(scores["expected_value"]),
        currency=currency,
    )


def _status(course: Course) -> Status:
    if course.suppressed:
        return "suppressed"
    if course.group == "holdout":
        return "holdout"
    if course.repeats is not None:
        coupon = course.repeats.coupon
        return "act" if coupon is not None and coupon.expires_at > course.facts.decided_at else "hold"
    without_coupon = course.coupon_amount == 0
    if without_coupon and course.point.coupon is not None and course.point.coupon.essential:
        return "hold"
    if not (course.channel or course.coupon_amount or course.message):
        return "hold"
    return "fallback" if course.facts.late else "act"


def _answer(course: Course, scores: Scores, rules: Rules) -> Answer:
    facts, status = course.facts, _status(course)
    acts = status in GOING_OUT
    coupon = _coupon(course, rules) if acts else None
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
        coupon=coupon,
        message=course.message if acts else None,
        repeats=course.repeats.decision_id if course.repeats else None,
        activate_by=activate_by(course, coupon),
        propensity={**propensity, "joint": math.prod(propensity.values(), start=1.0)},
        scores=scores,
        probabilities=_explained(course) if facts.request.explain != "none" else None,
        counterfactuals=_otherwise(course) if facts.request.explain == "counterfactual" else None,
        customer_class=course.customer_class,
        reasons=tuple(course.reasons),
        versions={**course.models.versions, "journey": rules.version, "coupon_key": rules.coupon_key.key_id},
        degraded=facts.features.degraded,
    )


def _coupon(course: Course, rules: Rules) -> Coupon | None:
    if course.repeats is not None:
        return course.repeats.coupon
    if not course.coupon_amount or course.point.coupon is None:
        return None
    facts, amount = course.facts, course.coupon_amount
    terms: dict[str, Any] = {
        "amount": amount,
        "currency": rules.currency,
        "expires_at": course.coupon_expiry(course.point.coupon),
    }
    if facts.request.dry_run:
        return Coupon(code=None, token=None, **terms)
    signed = SignedCoupon.of(decision_id=facts.decision_id, customer_id=facts.request.customer_id, **terms)
    code = coupon_code(rules.coupon_key.code_secret, facts.decision_id, amount)
    return Coupon(code=code, token=write_token(rules.coupon_key, signed), **terms)


def _otherwise(course: Course) -> dict[DecisionName, Counterfactual]:
    return {drawing.mask.decision: counterfactual_of(drawing) for drawing in course.drawings}


def _explained(course: Course) -> dict[str, dict[str, float]]:
    return {
        r.decision: {
            name: p for name, p, on in zip(r.actions, r.probabilities, r.eligible, strict=True) if on
        }
        for r in course.rounds
    }
