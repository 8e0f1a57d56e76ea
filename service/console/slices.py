"""How policies spread their choices: by journey, decision and group, and by an input that they read."""

from __future__ import annotations

import json
import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select

from models.entropy import normalized_entropy
from models.packing import unpack
from service.store.tables import decisions

LATEST: Final = 400
"""So many decisions are looked at."""
PARTS: Final = 3
Round = Mapping[str, Any]


class Part(NamedTuple):
    """Rounds whose input lies from `low` to `high`; both None where it is unknown or none is asked for."""

    place: int = 0
    low: float | None = None
    high: float | None = None


@dataclass
class Slice:
    """Rounds of one decision of a journey, in one group and part: how often each action was chosen, how likely it was.

    entropy: of each round's distribution, as a share of that of an even one; 1 is chance, 0 is certainty.
    """

    journey: str
    decision: str
    group: str
    part: Part
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
class Slices:
    """The slices, and the names of the inputs that they could be cut by; `by` is the one that they are, or empty."""

    found: tuple[Slice, ...]
    inputs: tuple[str, ...]
    by: str


def read_slices(connection: Connection, journey: str, by: str) -> Slices:
    """The last decisions, of one journey where one is named, cut into thirds by an input where a policy reads it."""
    query = select(decisions.c.record).order_by(decisions.c.decision_id.desc()).limit(LATEST)
    if journey:
        query = query.where(decisions.c.journey == journey)
    records = [json.loads(unpack(content)) for content in connection.scalars(query)]
    rounds = [
        ((record["request"]["journey"], round_["decision"], record["group"]), round_)
        for record in records
        for round_ in record["rounds"]
    ]
    inputs = tuple(sorted({name for _, round_ in rounds for name in round_["inputs"]}))
    if by not in inputs:
        by = ""
    else:
        rounds = [(key, round_) for key, round_ in rounds if by in round_["inputs"]]
    parts = _parts([_value(round_, by) for _, round_ in rounds])
    found: dict[tuple[str, str, str, Part], Slice] = {}
    for (key, round_), part in zip(rounds, parts, strict=True):
        found.setdefault((*key, part), Slice(*key, part)).add(round_)
    return Slices(tuple(found[key] for key in sorted(found, key=_order)), inputs, by)


def _order(key: tuple[str, str, str, Part]) -> tuple[str, str, str, int]:
    return (*key[:3], key[3].place)


def _value(round_: Round, by: str) -> float | None:
    if not by:
        return None
    value: float | None = round_["context"][round_["inputs"].index(by)]
    return value


def _parts(values: Sequence[float | None]) -> list[Part]:
    """The part of each value: of the thirds of all that are known, fewer where many are equal.

    >>> [part.place for part in _parts([1.0, 2.0, 3.0, None])]
    [0, 1, 2, 3]
    """
    known = [value for value in values if value is not None]
    cuts = sorted(set(statistics.quantiles(known, n=PARTS, method="inclusive"))) if len(known) > 1 else []
    members: dict[int, list[float]] = defaultdict(list)
    for value in known:
        members[bisect_right(cuts, value)].append(value)
    ranges = {place: Part(place, min(told), max(told)) for place, told in members.items()}
    unknown = Part(PARTS)
    return [unknown if value is None else ranges[bisect_right(cuts, value)] for value in values]
