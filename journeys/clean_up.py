"""Letting go of what is over: runs that ended, events that were taken, and the records of finished workflows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dbos import DBOSClient
from sqlalchemy import ColumnElement, Engine, and_, bindparam, delete, or_, select

from journeys.as_text import read_run
from journeys.store import Store
from journeys.tables import EVENT, RUN, SENDING

EVERY: Final = timedelta(hours=1)
AT_ONCE: Final = 500
"""How many rows go in one transaction."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LetGo:
    """How much was let go of."""

    runs: int
    events: int
    workflows: int

    def __str__(self) -> str:
        return f"let go of {self.runs} runs, {self.events} events and {self.workflows} records of workflows"


def clean_up(store: Store, workflows: DBOSClient, *, now: datetime, keep: timedelta) -> LetGo:
    """Let go of what was over that long ago; what is still under way stays, however old."""
    return LetGo(
        runs=let_go_of_runs(store, now=now, keep=keep),
        events=let_go_of_events(store.engine, before=now - keep),
        workflows=_let_go_of_workflows(workflows, before=now - keep),
    )


class HourlyCleanUp:
    """Cleans up once an hour; to be called when there is nothing else to do, so that no command waits in the outbox."""

    def __init__(
        self, store: Store, workflows: DBOSClient, *, clock: Callable[[], datetime], keep: timedelta
    ) -> None:
        self._store = store
        self._workflows = workflows
        self._clock = clock
        self._keep = keep
        self._next = clock()

    def __call__(self) -> None:
        """Clean up if it is time."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY
        found = clean_up(self._store, self._workflows, now=now, keep=self._keep)
        if found != LetGo(runs=0, events=0, workflows=0):
            _log.info("%s", found)


def let_go_of_runs(store: Store, *, now: datetime, keep: timedelta) -> int:
    """How many runs are gone that ended so long ago, with what is known of their messages.

    One stays for longer where it may still speak against another: an event that is told now may be as old as its journey
    takes, and re-entry counts from a run's end. So what begins is the same as if nothing had been let go of.
    """
    spans = {
        name: max(keep, journey.reentry.length + journey.oldest_trigger)
        for name, journey in store.journeys.items()
    }
    of_each = (and_(RUN.c.journey == name, _ended_before(now - span)) for name, span in spans.items())
    others = and_(RUN.c.journey.not_in(spans), _ended_before(now - keep))
    over = select(RUN.c.id, RUN.c.state).where(or_(others, *of_each)).limit(AT_ONCE)

    def batch() -> int:
        with store.engine.begin() as connection:
            runs = {row.id: read_run(row.state) for row in connection.execute(over)}
            if actions := [{"sent": action} for run in runs.values() for action in run.actions]:
                connection.execute(delete(SENDING).where(SENDING.c.action == bindparam("sent")), actions)
            connection.execute(delete(RUN).where(RUN.c.id.in_(runs)))
        return len(runs)

    return _all_of(batch)


def _ended_before(moment: datetime) -> ColumnElement[bool]:
    return RUN.c.ended_at < moment.timestamp()


def let_go_of_events(engine: Engine, *, before: datetime) -> int:
    """How many ids of events from before then are gone; told again, such an event finds its runs, or is too old for one."""
    old = select(EVENT.c.id).where(EVENT.c.at < before.timestamp()).limit(AT_ONCE).scalar_subquery()

    def batch() -> int:
        with engine.begin() as connection:
            return connection.execute(delete(EVENT).where(EVENT.c.id.in_(old))).rowcount

    return _all_of(batch)


def _let_go_of_workflows(client: DBOSClient, *, before: datetime) -> int:
    def batch() -> int:
        over = client.list_workflows(
            completed_before=before.isoformat(), limit=AT_ONCE, load_input=False, load_output=False
        )
        client.delete_workflows([workflow.workflow_id for workflow in over])
        return len(over)

    return _all_of(batch)


def _all_of(batch: Callable[[], int]) -> int:
    """How many rows all batches have, up to the first that is not full."""
    total = n_rows = batch()
    while n_rows == AT_ONCE:
        total += (n_rows := batch())
    return total
