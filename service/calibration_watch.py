"""Do customers order as often as the scorer said? Watched on the log, with each decision's own propensity."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Gauge
from pydantic_core import from_json
from sqlalchemy import Engine, Select, select

from models.packing import unpack
from service.hourly import HourlyWatch
from service.store.artifact_store import get_artifact, read_champions
from service.store.engine import microseconds
from service.store.purchases import PURCHASED
from service.store.tables import decisions, events

SCORER: Final = "purchase_propensity"
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
        told = _told_orders(began, now)
        if connection.execute(told.limit(1)).first() is None:
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
        predicted = [
            (row.journey, row.customer_id, row.decided_at, _propensity(row.record))
            for row in connection.execute(looked_at)
        ]
        ordered: dict[str, list[int]] = defaultdict(list)
        theirs = events.c.customer_id.in_({customer_id for _, customer_id, _, _ in predicted})
        for order in connection.execute(told.where(theirs)):
            ordered[order.customer_id].append(order.occurred_at)
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for journey, customer_id, decided_at, said in predicted:
        end = decided_at + horizon // timedelta(microseconds=1)
        came = any(decided_at < at <= end for at in ordered[customer_id])
        found[journey].append((said, came))
    return {
        journey: Calibration(
            len(mine), sum(said for said, _ in mine) / len(mine), sum(came for _, came in mine) / len(mine)
        )
        for journey, mine in sorted(found.items())
    }


def _propensity(record: bytes) -> float:
    said: float = from_json(from_json(unpack(record))["answer"])["scores"][SCORER]
    return said


def _told_orders(since: datetime, until: datetime) -> Select[tuple[str, int]]:
    """Whose orders were told of, and when each was."""
    return select(events.c.customer_id, events.c.occurred_at).where(
        events.c.type == "track",
        events.c.name == PURCHASED,
        events.c.received_at >= microseconds(since),
        events.c.occurred_at < microseconds(until),
        events.c.customer_id.is_not(None),
    )


class CalibrationWatch(HourlyWatch):
    """Shows what it finds in metrics."""

    def __init__(self, *, engine: Engine, predicted: Gauge, observed: Gauge, counted: Gauge) -> None:
        self._engine = engine
        self._predicted, self._observed, self._counted = predicted, observed, counted

    def _look(self, now: datetime) -> None:
        for journey, found in calibrations(self._engine, now).items():
            self._predicted.labels(journey).set(found.predicted)
            self._observed.labels(journey).set(found.observed)
            self._counted.labels(journey).set(found.decisions)
