"""Runs on disk: each signal changes a run and leaves its commands in the outbox in one transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from journeys.as_text import read_run, write, write_run
from journeys.command import Command, Finish, WaitUntil
from journeys.definition import Journey
from journeys.interpreter import Outcome, advance, enter, key_of
from journeys.run import Run
from journeys.signal import Decided, Due, Event, Sent, Suggested
from journeys.tables import EVENT, OUTBOX, POSITION, RUN, SENDING, TRAIT

AT_ONCE = 500
"""How many runs are rung in one transaction."""

Answer = Decided | Suggested | Sent
Claim = Literal["first", "left", "again"]
Status = Literal["delivered", "undelivered"]


class Store:
    """The runs of some journeys in a database; several processes may share it.

    too_old: how many events were too old to begin a run of a journey, since this was made.
    """

    def __init__(self, engine: Engine, journeys: Mapping[str, Journey]) -> None:
        self.engine = engine
        self.journeys = journeys
        self.too_old = Counter[str]()

    def take(self, event_id: str, event: Event, now: datetime) -> bool:
        """Give an event to every run that it concerns, and begin those that it begins; False if it was taken before."""
        with self.engine.begin() as connection:
            if not _insert_new(connection, EVENT, id=event_id, at=event.at.timestamp()):
                return False
            for journey in self.journeys.values():
                if event.name in journey.events:
                    self._take(connection, journey, event, now)
        return True

    def _take(self, connection: Connection, journey: Journey, event: Event, now: datetime) -> None:
        for run in _runs(connection, _concerned(journey, event)):
            _keep(connection, run, advance(journey, run, event))
        if event.customer_id is None or event.name != journey.trigger.event:
            return
        if event.at < now - journey.oldest_trigger:
            self.too_old[journey.journey] += 1
            return
        same = (RUN.c.customer_id == event.customer_id, RUN.c.key == key_of(journey, event))
        query = select(RUN.c.state).where(RUN.c.journey == journey.journey, *same)
        last = connection.scalar(query.order_by(RUN.c.entered_at.desc()).limit(1))
        if entered := enter(journey, event, None if last is None else read_run(last)):
            _keep(connection, None, entered)

    def ring(self, now: datetime) -> int:
        """Tell runs that their moment has come; how many there were, `AT_ONCE` at most."""
        with self.engine.begin() as connection:
            due = (RUN.c.due_at <= now.timestamp(), RUN.c.journey.in_(self.journeys))
            runs = _runs(connection, and_(*due), limit=AT_ONCE)
            for run in runs:
                _keep(connection, run, advance(self.journeys[run.journey], run, Due(at=now)))
        return len(runs)

    def answer(self, run_id: str, answer: Answer) -> None:
        """Give a run the answer to one of its commands; a second time changes nothing."""
        with self.engine.begin() as connection:
            for run in _runs(connection, RUN.c.id == run_id):
                _keep(connection, run, advance(self.journeys[run.journey], run, answer))

    def outbox(self) -> list[tuple[str, str, str]]:
        """Action, run and text of the commands that nothing has begun with."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(OUTBOX.c.action, OUTBOX.c.run_id, OUTBOX.c.command).limit(AT_ONCE)
            )
            return [(row.action, row.run_id, row.command) for row in rows]

    def begun(self, action: str) -> None:
        """Forget a command that a workflow carries out."""
        with self.engine.begin() as connection:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.action == action))

    def claim(self, run_id: str, action: str) -> Claim:
        """Whether a message may be sent: "first", told once; "left": its run ended; "again": somebody began to before."""
        with self.engine.begin() as connection:
            if connection.scalar(select(SENDING.c.action).where(SENDING.c.action == action)) is not None:
                return "again"
            if all(
                run.action != action or run.ended is not None for run in _runs(connection, RUN.c.id == run_id)
            ):
                return "left"
            return "first" if _insert_new(connection, SENDING, action=action, status=None) else "again"

    def settle(self, action: str, status: Status) -> None:
        """Note what became of a message."""
        with self.engine.begin() as connection:
            connection.execute(update(SENDING).where(SENDING.c.action == action).values(status=status))

    def sending(self, action: str) -> Status | None:
        """What became of a message; None where nobody knows."""
        with self.engine.connect() as connection:
            found: Status | None = connection.scalar(
                select(SENDING.c.status).where(SENDING.c.action == action)
            )
            return found

    def tell_traits(self, customer_id: str, traits: Mapping[str, Any]) -> None:
        """Add to what is known of a customer."""
        with self.engine.begin() as connection:
            known = self._traits(connection, customer_id)
            _insert_new(connection, TRAIT, customer_id=customer_id, traits="{}")
            text = json.dumps({**known, **traits})
            connection.execute(update(TRAIT).where(TRAIT.c.customer_id == customer_id).values(traits=text))

    def traits(self, customer_id: str) -> dict[str, Any]:
        """What is known of a customer."""
        with self.engine.connect() as connection:
            return self._traits(connection, customer_id)

    def _traits(self, connection: Connection, customer_id: str) -> dict[str, Any]:
        text = connection.scalar(select(TRAIT.c.traits).where(TRAIT.c.customer_id == customer_id))
        return {} if text is None else dict(json.loads(text))

    def position(self, source: str) -> int:
        """How far a file of events was read."""
        with self.engine.connect() as connection:
            return connection.scalar(select(POSITION.c.offset).where(POSITION.c.source == source)) or 0

    def move_on(self, source: str, offset: int) -> None:
        """Note how far a file of events was read."""
        with self.engine.begin() as connection:
            _insert_new(connection, POSITION, source=source, offset=0)
            connection.execute(update(POSITION).where(POSITION.c.source == source).values(offset=offset))

    def runs(self) -> list[Run]:
        """Every run."""
        with self.engine.connect() as connection:
            return [
                read_run(text) for text in connection.scalars(select(RUN.c.state).order_by(RUN.c.entered_at))
            ]


def _concerned(journey: Journey, event: Event) -> ColumnElement[bool]:
    """The runs of a journey that an event may concern: the customer's, or by their key where it is nobody's."""
    going = and_(RUN.c.journey == journey.journey, RUN.c.is_over.is_(False))
    if event.customer_id is not None:
        return and_(going, RUN.c.customer_id == event.customer_id)
    keys = {
        value
        for match in journey.matches
        if match.event == event.name and match.key
        for value in event.values(match.key)
    }
    return and_(going, or_(RUN.c.key.in_(keys), RUN.c.key == ""))


def _runs(connection: Connection, which: ColumnElement[bool], limit: int | None = None) -> list[Run]:
    query = (
        select(RUN.c.state)
        .where(which)
        .order_by(RUN.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=limit is not None)
    )
    return [read_run(text) for text in connection.scalars(query)]


def _keep(connection: Connection, before: Run | None, outcome: Outcome) -> None:
    run, commands = outcome
    due_at = None if run.due_at is None else run.due_at.timestamp()
    ended_at = None if run.ended is None else run.now.timestamp()
    found = {"is_over": ended_at is not None, "ended_at": ended_at, "due_at": due_at, "state": write_run(run)}
    if before is not None:
        connection.execute(update(RUN).where(RUN.c.id == run.id).values(**found))
    else:
        who = {"journey": run.journey, "customer_id": run.customer_id, "key": run.key}
        if not _insert_new(connection, RUN, id=run.id, entered_at=run.entered_at.timestamp(), **who, **found):
            return
    _put_out(connection, run, commands)


def _put_out(connection: Connection, run: Run, commands: Iterable[Command]) -> None:
    for command in commands:
        if not isinstance(command, WaitUntil | Finish):
            _insert_new(connection, OUTBOX, action=command.action, run_id=run.id, command=write(command))


def _insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Whether there was no such row."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(new).first() is not None
