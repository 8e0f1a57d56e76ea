"""The rim around a decision: facts in, the pure decision, the record durably logged."""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from datetime import datetime
from typing import Any

from features.encoding import FeatureVector
from service.course import Facts, Rules
from service.decider import Asked, decide
from service.decision_id import decision_id
from service.errors import BusyCustomerError
from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.stages import Stages
from service.state import State
from service.store.key_log import KeyClaim
from service.store.ledger import StandingMovedError
from service.store.standing_rows import StandingQuery
from service.time_limit import TimeLimit

ATTEMPTS = 8


async def decide_and_log(
    gardoon: State, request: DecideRequest, limit: TimeLimit, claim: KeyClaim | None = None
) -> tuple[DecisionRecord, Stages]:
    """The record of a decision, on disk before this returns unless the request is a dry run, and what took how long.

    When another decision claims of the same customer or budget first, it is decided again from what is left. With a claim,
    its key stands for the decision from the same commit on.

    Raises: the `ServiceError` that says what is wrong with the request or which part does not answer, or not in time;
    `KeyTakenError` when the claim's key stands for another decision by now.
    """
    stages = Stages()
    gardoon.under_way.begin()
    try:
        record = await _decide_and_log(gardoon, request, limit, claim, stages)
    finally:
        gardoon.under_way.end()
        gardoon.metrics.of_decisions.count_time(stages.since_begin())
    gardoon.metrics.of_decisions.count(record, stages)
    return record, stages


async def _decide_and_log(
    gardoon: State, request: DecideRequest, limit: TimeLimit, claim: KeyClaim | None, stages: Stages
) -> DecisionRecord:
    """`decide_and_log` but for what is counted of it."""
    rules, models, now = gardoon.rules_of(request.journey), gardoon.feed.current, gardoon.clock()
    identity = decision_id(int(now.timestamp() * 1000), gardoon.randomness(10))
    query = standing_query(request, rules, now)
    async with limit.kept(), gardoon.turns.of(request.customer_id):
        finding = gardoon.standings.begin(query)
        features = await _features(gardoon, request, now, limit, finding)
        stages.end("features")
        period = rules.draw_period(now, features.strings["time_zone"])
        for attempt in range(ATTEMPTS):
            found = await (gardoon.standings.begin(query) if attempt else finding)
            stages.end("standing")
            late = limit.is_over(time.monotonic())
            facts = Facts(identity, now, request, features, found.within(period), late)
            record = await _decide(gardoon, Asked(facts, models, rules))
            stages.end("decide")
            stands = await _logged(gardoon, record, claim)
            stages.end("log")
            if stands:
                return record
    raise BusyCustomerError(f"{ATTEMPTS} decisions about this customer or budget came first")


async def _features(
    gardoon: State, request: DecideRequest, now: datetime, limit: TimeLimit, beside: Future[Any]
) -> FeatureVector:
    """The customer's features, read while what is found beside them is."""
    try:
        return await gardoon.features_of(request.customer_id, now, limit.for_features(time.monotonic()))
    except BaseException:
        beside.cancel()
        raise


async def _decide(gardoon: State, asked: Asked) -> DecisionRecord:
    """The decision; one that is to tell what would have been otherwise takes a tenth of a second, so in a thread."""
    if asked.facts.request.explain == "counterfactual":
        return await asyncio.to_thread(decide, *asked)
    return await gardoon.side_by_side.decide(asked)


async def _logged(gardoon: State, record: DecisionRecord, claim: KeyClaim | None) -> bool:
    """Whether the record stands: logged, or a dry run; not when the standing had moved."""
    if record.request.dry_run:
        return True
    try:
        await gardoon.log.append(record, claim)
    except StandingMovedError:
        return False
    return True


def standing_query(request: DecideRequest, rules: Rules, now: datetime) -> StandingQuery:
    """What has to be known of the customer's standing to decide."""
    return StandingQuery(
        at=now,
        customer_id=request.customer_id,
        journey=request.journey,
        horizon=rules.horizon,
        draws=rules.point.has_draws,
        day=now.astimezone(rules.shop_zone).date() if rules.limits_a_day else None,
    )
