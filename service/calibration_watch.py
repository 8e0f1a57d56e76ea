"""Do customers order as often as the scorer said? Watched on the log, with each decision's own propensity."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Gauge
from pydantic_core import from_json
from sqlalchemy import Connection, Engine, select

from service.store.artifact_store import get_artifact, read_champions
from service.store.engine import microseconds
from service.store.purchases import PURCHASED
from service.store.tables import decisions, events

SCORER: Final = "purchase_propensity"
EVERY: Final = timedelta(hours=1)
SPAN: Final = timedelta(days=1)
MOST: Final = 5_000
"""Decisions looked at: their share of orders is then known to 0.7 percent points, and reading them takes a second."""


@dataclass(frozen=True)
class Calibration:
    """Of so many decisions the mean propensity, and the share after which the customer did order within the horizon."""

    decisions: int
    predicted: float
    observed: float


def calibrations(engine: Engine, now: datetime) -> dict[str, Calibration]:
    """By journey, the decisions of the last day whose horizon is over, the first `MOST` of them.

    Empty where no purchase at all was told of in that time: a shop that tells none says nothing about its customers' orders.
    """
    with engine.connect() as connection:
        champion = read_champions(connection).get(SCORER)
        if champion is None:
            return {}
        horizon = timedelta(days=get_artifact(engine, champion[0]).manifest["horizon_days"])
        began = now - horizon - SPAN
        ordered = _orders(connection, began, now)
        if not ordered:
            return {}
        looked_at = (
            select(decisions.c.journey, decisions.c.customer_id, decisions.c.decided_at, decisions.c.record)
            .where(
                decisions.c.decided_at >= microseconds(began),
                decisions.c.decided_at < microseconds(now - horizon),
            )
            .order_by(decisions.c.decided_at, decisions.c.decision_id)
            .limit(MOST)
        )
        found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for row in connection.execute(looked_at):
            said = json.loads(from_json(row.record)["answer"])["scores"][SCORER]
            end = row.decided_at + horizon // timedelta(microseconds=1)
            came = any(row.decided_at < at <= end for at in ordered.get(row.customer_id, ()))
            found[row.journey].append((said, came))
    return {
        journey: Calibration(
            len(rows), sum(said for said, _ in rows) / len(rows), sum(came for _, came in rows) / len(rows)
        )
        for journey, rows in sorted(found.items())
    }


def _orders(connection: Connection, since: datetime, until: datetime) -> dict[str, list[int]]:
    """When each customer ordered, by customer."""
    told = select(events.c.customer_id, events.c.occurred_at).where(
        events.c.type == "track",
        events.c.name == PURCHASED,
        events.c.received_at >= microseconds(since),
        events.c.occurred_at < microseconds(until),
        events.c.customer_id.is_not(None),
    )
    found: dict[str, list[int]] = defaultdict(list)
    for row in connection.execute(told):
        found[row.customer_id].append(row.occurred_at)
    return found


class CalibrationWatch:
    """Looks once an hour, and shows what it found."""

    def __init__(self, *, engine: Engine, predicted: Gauge, observed: Gauge, counted: Gauge) -> None:
        self._engine = engine
        self._predicted, self._observed, self._counted = predicted, observed, counted
        self._next: datetime | None = None

    def step(self, now: datetime) -> None:
        """Look, if it is time."""
        if self._next is not None and now < self._next:
            return
        self._next = now + EVERY
        for journey, found in calibrations(self._engine, now).items():
            self._predicted.labels(journey).set(found.predicted)
            self._observed.labels(journey).set(found.observed)
            self._counted.labels(journey).set(found.decisions)
