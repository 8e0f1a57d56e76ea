"""Appending decisions durably, and reading them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from service.errors import LogUnavailableError, UnknownDecisionError
from service.record import DecisionRecord
from service.schemas import LoggedDecision
from service.store.decision_commit import Entry, commit
from service.store.key_log import KeyClaim
from service.store.outcome_log import outcomes_of
from service.store.tables import decisions
from service.store.together import Together


class DecisionLog(Together[Entry, None]):
    """Commits decisions together, with what they claim."""

    name = "decisions"
    most = 1_000

    async def append(self, record: DecisionRecord, claim: KeyClaim | None = None) -> None:
        """Return once the record is committed, and with it its claims and that the claim's key stands for it.

        Raises: `LogUnavailableError` when it could not be; `UnstorableError` when it never can; `KeyTakenError` when the key
        stands for another one by now; `StandingMovedError` when the customer's standing or the budget is no longer what it
        was decided from. A caller that is cancelled takes its record back, unless it is being written already.
        """
        await self._done(Entry.of(record, claim))

    def _do(self, entries: Sequence[Entry]) -> Sequence[Exception | None]:
        return commit(self._engine, entries)


def read_record(engine: Engine, decision_id: str) -> DecisionRecord:
    """The logged record of a decision. Raises `UnknownDecisionError`."""
    with engine.connect() as connection:
        content = connection.scalar(select(decisions.c.record).where(decisions.c.decision_id == decision_id))
    if content is None:
        raise UnknownDecisionError(f"no decision {decision_id!r} in the log")
    return DecisionRecord.of_stored(content)


def read_logged_decision(engine: Engine, decision_id: str) -> LoggedDecision:
    """The decision as `GET /v1/decisions/{id}` shows it. Raises `UnknownDecisionError`."""
    record = read_record(engine, decision_id)
    with engine.connect() as connection:
        outcomes = outcomes_of(connection, [decision_id])[decision_id]
    return LoggedDecision(
        decision_id=decision_id,
        answer=json.loads(record.answer),
        rounds=[msgspec.to_builtins(round_) for round_ in record.rounds],
        outcomes=[
            {"kind": o.kind.value, "value": o.value, "occurred_at": o.occurred_at.isoformat()}
            for o in outcomes
        ],
    )


def ping_log(engine: Engine) -> None:
    """Return if the log answers. Raises `LogUnavailableError`."""
    try:
        with engine.connect() as connection:
            connection.execute(select(1))
    except SQLAlchemyError as error:
        raise LogUnavailableError(f"the decision log does not answer: {type(error).__name__}") from error
