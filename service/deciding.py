"""The rim around a decision: facts in, the pure decision, the record durably logged."""

from __future__ import annotations

from features.encoding import encode
from service.course import Facts
from service.decider import decide
from service.decision_id import decision_id
from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.state import State
from service.store.key_log import Claim


async def decide_and_log(
    gardoon: State, request: DecideRequest, claim: Claim | None = None
) -> DecisionRecord:
    """The record of a decision, on disk before this returns unless the request is a dry run.

    With a claim, its key stands for the decision from the same commit on.

    Raises: the `ServiceError` that says what is wrong with the request or which part does not answer; `KeyTakenError` when
    the claim's key stands for another decision by now.
    """
    with gardoon.metrics.decide_seconds.time():
        rules, models, now = gardoon.rules_of(request.journey), gardoon.feed.current, gardoon.clock()
        stored = gardoon.reader.read(request.customer_id)
        features = encode(stored, now=now, schema=gardoon.schema)
        identity = decision_id(int(now.timestamp() * 1000), gardoon.randomness(10))
        record = decide(Facts(identity, now, request, features), models, rules)
        if not request.dry_run:
            await gardoon.log.append(record, claim)
    gardoon.metrics.count_decision(record)
    return record
