"""Reads the service's decision log from its database, SQLite or PostgreSQL.

The service writes these tables and never meets this code: the columns named here are the contract between them. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypedDict, TypeVar

from sqlalchemy import Connection, Select, and_, column, create_engine, func, make_url, select, table
from sqlalchemy.exc import SQLAlchemyError

from models.artifact import Artifact, ArtifactError
from training.evaluation.decision_log import DecisionLog, LogSummary, collect_rounds
from training.evaluation.errors import LogError
from training.evaluation.log_groups import reward_delay, sample_ratios
from training.evaluation.round_buffer import LogRow, RewardRule
from training.evaluation.round_labels import microseconds
from training.evaluation.round_spool import SpooledLog, spool_rounds

Log = TypeVar("Log", bound=LogSummary)

DECISIONS: Final = ("channel", "send_time", "coupon", "message")
CHUNK: Final = 1_000

_decisions = table(
    "decisions",
    column("decision_id"),
    column("journey"),
    column("decided_at"),
    column("status"),
    column("group_name"),
    column("record"),
)
_rewards = table("rewards", column("decision_id"), column("decision"), column("state"), column("reward"))
_snapshots = table("snapshots", column("scanned_until"))
_artifacts = table("artifacts", column("kind"), column("digest"), column("content"))


def read_decision_log(url: str, decision: str, journey: str | None = None) -> DecisionLog:
    """The rounds of one decision in the log at a database URL, of all journeys or of one; see `collect_rounds`.

    Raises: `LogError` when the log cannot be read, holds no such journey or no such decision exists; `TooFewRoundsError`.
    """
    with _query_of(url, decision, journey) as query:
        return query.with_groups(collect_rounds(query.rows(), **query.terms()))


def spool_decision_log(
    url: str, decision: str, folder: Path, journey: str | None = None, since: datetime | None = None
) -> SpooledLog:
    """The same rounds in files of the folder, of decisions made from `since` on where it is given. Raises: the same."""
    with _query_of(url, decision, journey, since) as query:
        return query.with_groups(spool_rounds(query.rows(), folder=folder, **query.terms()))


@dataclass(frozen=True, kw_only=True)
class _Query:
    """What is asked of an open log."""

    connection: Connection
    decision: str
    journey: str | None
    since_us: int | None

    def rows(self) -> Iterator[LogRow]:
        """The log's rows, oldest first."""
        streaming = self.connection.execution_options(stream_results=True, yield_per=CHUNK)
        for row in streaming.execute(_query(self.decision, self.journey, self.since_us)):
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

    def terms(self) -> _Terms:
        """By what it is told which rounds there are to judge by."""
        return {
            "decision": self.decision,
            "rules": _reward_rules(self.connection, self.decision),
            "scanned_until_us": self.connection.scalar(select(func.max(_snapshots.c.scanned_until))) or 0,
        }

    def with_groups(self, log: Log) -> Log:
        """The log with its customers by group and the delay of its outcomes."""
        journeys = sorted({name for name, _ in log.n_by_journey})
        ratios, delay = sample_ratios(self.connection, journeys), reward_delay(self.connection, journeys)
        return replace(log, sample_ratios=ratios, delay=delay)


class _Terms(TypedDict):
    decision: str
    rules: dict[str, RewardRule]
    scanned_until_us: int


@contextmanager
def _query_of(
    url: str, decision: str, journey: str | None, since: datetime | None = None
) -> Iterator[_Query]:
    if decision not in DECISIONS:
        raise LogError(f"no decision {decision!r}; wanted one of {', '.join(DECISIONS)}")
    with open_connection(url) as connection:
        _check_journey(connection, journey)
        since_us = None if since is None else microseconds(since)
        yield _Query(connection=connection, decision=decision, journey=journey, since_us=since_us)


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


def _check_journey(connection: Connection, journey: str | None) -> None:
    found = list(connection.scalars(select(_decisions.c.journey).distinct().order_by(_decisions.c.journey)))
    if journey is not None and journey not in found:
        raise LogError(f"no decision of a journey {journey!r} in the log; there are {found}")


def _query(decision: str, journey: str | None, since_us: int | None) -> Select[tuple[object, ...]]:
    mine = and_(_rewards.c.decision_id == _decisions.c.decision_id, _rewards.c.decision == decision)
    query = select(*_decisions.c, _rewards.c.state, _rewards.c.reward).select_from(
        _decisions.outerjoin(_rewards, mine)
    )
    if journey is not None:
        query = query.where(_decisions.c.journey == journey)
    if since_us is not None:
        query = query.where(_decisions.c.decided_at >= since_us)
    return query.order_by(_decisions.c.decision_id)


def _reward_rules(connection: Connection, decision: str) -> dict[str, RewardRule]:
    """What each version of the journeys' rules says of this decision's reward, by digest."""
    query = select(_artifacts.c.digest, _artifacts.c.content).where(_artifacts.c.kind == "decision_point")
    rules = {}
    for digest, content in connection.execute(query):
        try:
            manifest = Artifact.from_bytes(content).manifest
        except ArtifactError as error:
            raise LogError(f"the rules {digest} cannot be read: {error}") from error
        if manifest.get(decision) is not None:
            reward, send_time = manifest[decision]["reward"], manifest.get("send_time")
            latest = send_time["deadline_hours"] if send_time else 0
            rules[digest] = RewardRule(
                kind=reward["kind"], closes_after_hours=latest + reward["window_hours"], declared=reward
            )
    return rules
