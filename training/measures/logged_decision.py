"""Decisions as measures want them, read out of the service's log, SQLite or PostgreSQL.

The service writes these tables and never meets this code: the columns named here are the contract between them. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, column, func, select, table

from models.packing import unpack
from training.evaluation.errors import LogError
from training.evaluation.log_store import CHUNK

ACTED: Final = ("act", "fallback")
"""States of a decision by which a message goes out, the usual one among them."""
_decisions = table(
    "decisions",
    *map(column, ("decision_id", "journey", "customer_id", "decided_at", "effective_at")),
    *map(column, ("status", "group_name", "record")),
)
_outcomes = table("outcomes", *map(column, ("decision_id", "kind", "value")))
_activations = table("activations", *map(column, ("decision_id", "activated_at")))


@dataclass(frozen=True, kw_only=True)
class Window:
    """Decisions made in [begins_us, ends_us)."""

    begins_us: int
    ends_us: int


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """What went out by a decision: its channel, the customer's zone (empty: not known), when it took effect."""

    channel: str
    time_zone: str
    effective_at_us: int


@dataclass(frozen=True, kw_only=True)
class LoggedDecision:
    """A decision; told: number and sum of its outcomes by kind."""

    decision_id: str
    decided_at_us: int
    journey: str
    group: str
    customer: str
    message: SentMessage | None
    told: Mapping[str, tuple[int, float]]


def went_out(status: str, activate: str | None, *, was_activated: bool) -> bool:
    """Whether a message may have gone out by a decision: not where it was deferred and nobody said that it was used."""
    return status in ACTED and (activate != "deferred" or was_activated)


def read_logged_decisions(connection: Connection, window: Window) -> list[LoggedDecision]:
    """Those of the window, by id. Raises: `LogError`."""
    told = _read_outcomes(connection, window)
    query = (
        select(_decisions, _activations.c.activated_at)
        .outerjoin_from(_decisions, _activations, _activations.c.decision_id == _decisions.c.decision_id)
        .where(*_within(window))
        .order_by(_decisions.c.decision_id)
    )
    streaming = connection.execution_options(stream_results=True, yield_per=CHUNK)
    return [
        LoggedDecision(
            decision_id=row.decision_id,
            decided_at_us=row.decided_at,
            journey=row.journey,
            group=row.group_name,
            customer=row.customer_id,
            message=_message(row),
            told=told.get(row.decision_id, {}),
        )
        for row in streaming.execute(query)
    ]


def _within(window: Window) -> tuple[Any, Any]:
    at = _decisions.c.decided_at
    return at >= window.begins_us, at < window.ends_us


def _read_outcomes(connection: Connection, window: Window) -> dict[str, dict[str, tuple[int, float]]]:
    told: dict[str, dict[str, tuple[int, float]]] = {}
    of_window = _decisions.c.decision_id == _outcomes.c.decision_id
    outcomes = (
        select(_outcomes.c.decision_id, _outcomes.c.kind, func.count(), func.sum(_outcomes.c.value))
        .join_from(_outcomes, _decisions, of_window)
        .where(*_within(window))
        .group_by(_outcomes.c.decision_id, _outcomes.c.kind)
    )
    for identity, kind, number, total in connection.execute(outcomes):
        told.setdefault(identity, {})[kind] = (number, total)
    return told


def _message(row: Any) -> SentMessage | None:
    if row.status not in ACTED:
        return None
    try:
        record = json.loads(unpack(row.record))
        activate, was_activated = record["request"].get("activate"), row.activated_at is not None
        channel = json.loads(record["answer"]).get("channel")
        if channel is None or not went_out(row.status, activate, was_activated=was_activated):
            return None
        return SentMessage(channel=channel, time_zone=record["time_zone"], effective_at_us=row.effective_at)
    except (ValueError, KeyError, TypeError) as error:
        raise LogError(f"decision {row.decision_id} has a record that cannot be read: {error!r}") from error
