"""Reads the service's decision log from its database, SQLite or PostgreSQL.

The service writes these tables and never meets this code: the columns named here are the contract between them. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    Connection,
    Select,
    and_,
    column,
    create_engine,
    distinct,
    func,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import SQLAlchemyError

from models.artifact import Artifact, ArtifactError
from models.feedback import Floats
from training.evaluation.decision_source import DECISIVE, Selection
from training.evaluation.errors import LogError
from training.evaluation.log_rules import Rules
from training.evaluation.logged_vector import LoggedVector
from training.evaluation.round_buffer import HOUR_US, LogRow
from training.evaluation.round_labels import microseconds

CHUNK: Final = 1_000

_decisions = table(
    "decisions",
    column("decision_id"),
    column("journey"),
    column("customer_id"),
    column("decided_at"),
    column("effective_at"),
    column("status"),
    column("group_name"),
    column("record"),
)
_rewards = table("rewards", column("decision_id"), column("decision"), column("state"), column("reward"))
_snapshots = table("snapshots", column("scanned_until"))
_artifacts = table("artifacts", column("kind"), column("digest"), column("content"))
_outcomes = table("outcomes", column("decision_id"), column("kind"), column("occurred_at"))


@dataclass(frozen=True, kw_only=True)
class LogStore:
    """The open log; see `DecisionSource`."""

    connection: Connection

    @property
    def scanned_until_us(self) -> int:
        """As of the newest snapshot."""
        return self.connection.scalar(select(func.max(_snapshots.c.scanned_until))) or 0

    @property
    def ends_before_us(self) -> None:
        """It holds every decision, if old ones were not let go of."""
        return None

    def journeys(self) -> list[str]:
        """By name."""
        journey = _decisions.c.journey
        return list(self.connection.scalars(select(journey).distinct().order_by(journey)))

    def rules(self) -> Rules:
        """Every version. Raises: `LogError`."""
        query = select(_artifacts.c.digest, _artifacts.c.content).where(_artifacts.c.kind == "decision_point")
        rules = {}
        for digest, content in self.connection.execute(query):
            try:
                rules[digest] = Artifact.from_bytes(content).manifest
            except ArtifactError as error:
                raise LogError(f"the rules {digest} cannot be read: {error}") from error
        return rules

    def rows(self, selection: Selection) -> Iterator[LogRow]:
        """Decisions and rewards, `CHUNK` in memory at a time."""
        for row in self._stream(_query(selection)):
            yield LogRow(
                decision_id=row.decision_id,
                journey=row.journey,
                decided_at_us=row.decided_at,
                status=row.status,
                group=row.group_name,
                record=row.record,
                state=row.state,
                reward=row.reward,
            )

    def vectors(self, since: datetime | None = None) -> Iterator[LoggedVector]:
        """What decisions saw, `CHUNK` in memory at a time. Raises: `LogError`."""
        decided = _decisions.c
        query = select(
            decided.decision_id, decided.customer_id, decided.journey, decided.decided_at, decided.record
        )
        if since is not None:
            query = query.where(decided.decided_at >= microseconds(since))
        for row in self._stream(query.order_by(decided.decision_id)):
            yield LoggedVector.of_record(
                row.record,
                decision_id=row.decision_id,
                customer_id=row.customer_id,
                journey=row.journey,
                decided_at_us=row.decided_at,
            )

    def customers(self, journeys: Sequence[str]) -> dict[str, dict[str, int]]:
        """Counted by the database."""
        by_group = _decisions.c.journey, _decisions.c.group_name
        counted = select(*by_group, func.count(distinct(_decisions.c.customer_id))).group_by(*by_group)
        counts: dict[str, dict[str, int]] = {}
        for journey, group, number in self.connection.execute(counted.where(by_group[0].in_(journeys))):
            counts.setdefault(journey, {})[group] = number
        return {journey: counts[journey] for journey in journeys}

    def delays_hours(self, journeys: Sequence[str]) -> Floats:
        """Eight bytes an outcome."""
        query = (
            select(_outcomes.c.occurred_at - _decisions.c.effective_at)
            .join_from(_outcomes, _decisions, _outcomes.c.decision_id == _decisions.c.decision_id)
            .where(_outcomes.c.kind.in_(DECISIVE), _decisions.c.journey.in_(journeys))
        )
        delays_us = array("q", (delay for (delay,) in self._stream(query)))
        return np.array(delays_us) / HOUR_US

    def _stream(self, query: Select[Any]) -> Iterator[Any]:
        streaming = self.connection.execution_options(stream_results=True, yield_per=CHUNK)
        return iter(streaming.execute(query))


@contextmanager
def open_store(url: str) -> Iterator[LogStore]:
    """The log at a database URL. Raises: `LogError` when there is none, or it is no log."""
    with open_connection(url) as connection:
        yield LogStore(connection=connection)


@contextmanager
def open_connection(url: str) -> Iterator[Connection]:
    """A connection to the log's database. Raises: `LogError` when there is none, or it is no log."""
    shown = url
    try:
        parsed = make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            raise LogError(f"no decision log at {shown}: the service has not run here")
        engine = create_engine(parsed)
    except SQLAlchemyError as error:
        raise LogError(f"{shown!r} is no database URL: {error}") from error
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise LogError(f"the decision log at {shown} cannot be read: {error}") from error
    finally:
        engine.dispose()


def _query(selection: Selection) -> Select[tuple[object, ...]]:
    decisions, rewards = _decisions.c, _rewards.c
    mine = and_(rewards.decision_id == decisions.decision_id, rewards.decision == selection.decision)
    told = (decisions.decision_id, decisions.journey, decisions.decided_at, decisions.status)
    query = select(*told, decisions.group_name, decisions.record, rewards.state, rewards.reward).select_from(
        _decisions.outerjoin(_rewards, mine)
    )
    if selection.journey is not None:
        query = query.where(decisions.journey == selection.journey)
    if selection.since_us is not None:
        query = query.where(decisions.decided_at >= selection.since_us)
    return query.order_by(decisions.decision_id)
