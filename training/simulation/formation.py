"""The world that belongs to a shop: which stretch of the real past each hidden trait is formed by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from training.simulation.shop import Shop
from training.simulation.traits import form_habit, form_taste
from training.simulation.world import World

FORMATION_DAYS = 60


class SimulationError(ValueError):
    """The world cannot be simulated on this data; the message says why."""


def formation_end(shop: Shop) -> datetime:
    """The midnight (UTC) `FORMATION_DAYS` after the first order's day: tastes are formed before it, messages sent after.

    Raises: `SimulationError` when there are no orders.
    """
    if not len(shop.ordered_at):
        raise SimulationError("there are no orders to form the households' habits by")
    first_day = shop.ordered_at.min().astype("datetime64[D]").astype(datetime)
    return datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC) + timedelta(
        days=FORMATION_DAYS
    )


def form_world(shop: Shop, *, habit_at: datetime, seed: int) -> World:
    """The world of this shop: tastes formed in the first `FORMATION_DAYS`, buying habits as they are at `habit_at`."""
    taste = form_taste(shop, formed_at=formation_end(shop), seed=seed)
    return World(taste=taste, habit=form_habit(shop, formed_at=habit_at, seed=seed))
