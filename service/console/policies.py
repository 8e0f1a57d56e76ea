"""The policies: how they spread their choices now, how they learn, and who was champion since when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from service.console.learning_curve import Curve, busiest_journey, hour_share, read_curves
from service.console.slices import Slices, read_slices
from service.store.engine import moment
from service.store.tables import champions, snapshots


@dataclass(frozen=True)
class Champion:
    """What decides now under a name, and since when."""

    name: str
    digest: str
    registry_version: str
    moved_at: datetime


@dataclass(frozen=True)
class Promotion:
    """A champion that another one followed on, with the snapshot that was the first with it."""

    name: str
    digest: str
    snapshot: int
    at: datetime


@dataclass(frozen=True)
class Policies:
    """Everything that the page shows; `curves` are of `journey`, of `hour_share` of each hour."""

    champions: tuple[Champion, ...]
    promotions: tuple[Promotion, ...]
    slices: Slices
    journey: str
    hour_share: float
    curves: tuple[Curve, ...]


def read_policies(engine: Engine, now: datetime, zone: ZoneInfo, journey: str = "", by: str = "") -> Policies:
    """The policies as the log tells them: slices of all journeys or of the one named, curves of that or of the busiest.

    zone: the shop's, whose days the curves tell. by: an input of the policies that the slices are cut by, too.
    """
    with engine.connect() as connection:
        shown = journey or busiest_journey(connection, now)
        share = hour_share(connection, shown, now)
        return Policies(
            champions=_champions(connection),
            promotions=tuple(_promotions(connection)),
            slices=read_slices(connection, journey, by),
            journey=shown,
            hour_share=share,
            curves=tuple(read_curves(connection, shown, now, share, zone)),
        )


def _champions(connection: Connection) -> tuple[Champion, ...]:
    rows = connection.execute(select(champions).order_by(champions.c.name))
    return tuple(Champion(row.name, row.digest, row.registry_version, moment(row.moved_at)) for row in rows)


def _promotions(connection: Connection) -> Iterable[Promotion]:
    """Every move of a champion that a snapshot which is still kept was the first to follow, the newest first."""
    first = func.min(snapshots.c.snapshot).label("first")
    sets = (
        select(first, func.min(snapshots.c.created_at).label("at"), snapshots.c.champions)
        .group_by(snapshots.c.champions)
        .order_by(first)
    )
    known: dict[str, str] = {}
    found = []
    for row in connection.execute(sets):
        named: dict[str, str] = json.loads(row.champions)
        moved = [name for name, digest in named.items() if known.get(name) != digest]
        found += [Promotion(name, named[name], row.first, moment(row.at)) for name in moved]
        known = named
    return reversed(found)
