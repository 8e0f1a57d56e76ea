"""The policies: how they spread their choices now, how they learn, and who was champion since when."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from models.entropy import normalized_entropy
from service.console.learning_curve import Curve, busiest_journey, read_curves
from service.store.engine import moment
from service.store.tables import champions, decisions, snapshots

LATEST: Final = 400
"""So many decisions are looked at for probabilities and entropy."""


@dataclass
class Slice:
    """The rounds of one decision of a journey in one group: how often each action was chosen and could have been, by policy.

    entropy: of each round's distribution, as a share of that of an even one; 1 is chance, 0 is certainty.
    """

    journey: str
    decision: str
    group: str
    rounds: int = 0
    probability: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    chosen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    entropy: float = 0.0

    def add(self, round_: Mapping[str, Any]) -> None:
        """Take in a round of the log."""
        self.rounds += 1
        shares = [float(share) for share in round_["probabilities"]]
        for name, share in zip(round_["actions"], shares, strict=True):
            self.probability[name] += share
        self.chosen[round_["actions"][round_["action"]]] += 1
        self.entropy += normalized_entropy(shares)

    def actions(self) -> list[tuple[str, float, float]]:
        """Each action with its mean probability and the share of rounds that chose it, the likeliest first."""
        found = [
            (name, total / self.rounds, self.chosen[name] / self.rounds)
            for name, total in self.probability.items()
        ]
        return sorted(found, key=lambda each: -each[1])

    @property
    def mean_entropy(self) -> float:
        """The mean over the rounds."""
        return self.entropy / self.rounds


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
    """Everything that the page shows; `curves` are of `journey`."""

    champions: tuple[Champion, ...]
    promotions: tuple[Promotion, ...]
    slices: tuple[Slice, ...]
    journey: str
    curves: tuple[Curve, ...]


def read_policies(engine: Engine, now: datetime, journey: str = "") -> Policies:
    """The policies as the log tells them: slices of all journeys or of the one named, curves of that or of the busiest."""
    with engine.connect() as connection:
        shown = journey or busiest_journey(connection, now)
        return Policies(
            champions=_champions(connection),
            promotions=tuple(_promotions(connection)),
            slices=tuple(_slices(connection, journey)),
            journey=shown,
            curves=tuple(read_curves(connection, shown, now)),
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


def _slices(connection: Connection, journey: str) -> list[Slice]:
    query = select(decisions.c.record).order_by(decisions.c.decision_id.desc()).limit(LATEST)
    if journey:
        query = query.where(decisions.c.journey == journey)
    found: dict[tuple[str, str, str], Slice] = {}
    for content in connection.scalars(query):
        record = json.loads(content)
        for round_ in record["rounds"]:
            key = (record["request"]["journey"], round_["decision"], record["group"])
            found.setdefault(key, Slice(*key)).add(round_)
    return [found[key] for key in sorted(found)]
