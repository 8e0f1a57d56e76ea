"""Appending decisions durably: group commit without a timer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Histogram
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from service.errors import LogUnavailableError, UnknownDecisionError, UnstorableError
from service.record import DecisionRecord
from service.schemas import LoggedDecision
from service.store.breaker import LogAwayError
from service.store.decision_commit import Entry, commit
from service.store.failure import failure_of
from service.store.key_log import KeyClaim
from service.store.outcome_log import outcomes_of
from service.store.tables import decisions

_logger = structlog.get_logger()
_AWAY = (OperationalError, LogAwayError, OSError)
"""What no single row is to blame for."""


@dataclass(frozen=True)
class Waiting:
    """A decision to commit, and whom to tell of it."""

    entry: Entry
    committed: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def tell(self, failure: Exception | None) -> None:
        """End the caller's wait, if it still waits."""
        if self.committed.cancelled():
            return
        if failure is None:
            self.committed.set_result(None)
        else:
            self.committed.set_exception(failure)


class DecisionLog:
    """Commits whatever queued while the last commit ran, so that one flush serves many decisions.

    `append` returns when its record is on disk. One writer task a process, started by `start` and drained by `stop`.
    """

    def __init__(self, engine: Engine, *, flush_seconds: Histogram) -> None:
        self._engine = engine
        self._flush_seconds = flush_seconds
        self._queue: list[Waiting] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the writer task in the running event loop."""
        self._writer = asyncio.create_task(self._write_forever(), name="decision-log")

    async def stop(self) -> None:
        """Commit what is queued and end the writer task."""
        self._stopping = True
        self._wake.set()
        if self._writer is not None:
            await self._writer

    async def append(self, record: DecisionRecord, claim: KeyClaim | None = None) -> None:
        """Return once the record is committed, and with it its claims and that the claim's key stands for it.

        Raises: `LogUnavailableError` when it could not be; `UnstorableError` when it never can; `KeyTakenError` when the key
        stands for another one by now; `StandingMovedError` when the customer's standing or the budget is no longer what it
        was decided from. A caller that is cancelled takes its record back, unless it is being written already.
        """
        if self._stopping:
            raise LogUnavailableError("the service is shutting down")
        waiting = Waiting(Entry.of(record, claim))
        self._queue.append(waiting)
        self._wake.set()
        try:
            await waiting.committed
        except asyncio.CancelledError:
            if waiting in self._queue:
                self._queue.remove(waiting)
            raise

    async def _write_forever(self) -> None:
        while not self._stopping or self._queue:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch, self._queue = self._queue, []
                await self._flush(batch)

    async def _flush(self, batch: Sequence[Waiting]) -> None:
        try:
            with self._flush_seconds.time():
                failures = await asyncio.to_thread(self._commit, batch)
        except Exception as error:  # whatever failed, these callers must hear of it and the writer go on
            if len(batch) > 1 and not isinstance(error, _AWAY):
                for waiting in batch:  # one of them cannot be stored: the others need not pay for it
                    await self._flush([waiting])
                return
            failures = [failure_of(error)] * len(batch)
            if isinstance(failures[0], UnstorableError):
                _logger.error("a decision cannot be stored", exc_info=error)
        for waiting, failure in zip(batch, failures, strict=True):
            waiting.tell(failure)

    def _commit(self, batch: Sequence[Waiting]) -> Sequence[Exception | None]:
        return commit(self._engine, [waiting.entry for waiting in batch])


def read_record(engine: Engine, decision_id: str) -> DecisionRecord:
    """The logged record of a decision. Raises `UnknownDecisionError`."""
    with engine.connect() as connection:
        content = connection.scalar(select(decisions.c.record).where(decisions.c.decision_id == decision_id))
    if content is None:
        raise UnknownDecisionError(f"no decision {decision_id!r} in the log")
    return DecisionRecord.model_validate_json(content)


def read_logged_decision(engine: Engine, decision_id: str) -> LoggedDecision:
    """The decision as `GET /v1/decisions/{id}` shows it. Raises `UnknownDecisionError`."""
    record = read_record(engine, decision_id)
    with engine.connect() as connection:
        outcomes = outcomes_of(connection, [decision_id])[decision_id]
    return LoggedDecision(
        decision_id=decision_id,
        answer=json.loads(record.answer),
        rounds=[round_.model_dump(mode="json") for round_ in record.rounds],
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
