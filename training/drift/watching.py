"""The whole log counted once, in chunks: all decisions, those of each journey and those of each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

import numpy as np

from training.drift.monitored import Monitored, SeenValues
from training.drift.row_sample import RowSample
from training.drift.tally import Tally
from training.evaluation.errors import TooFewRoundsError
from training.evaluation.logged_vector import LoggedVector

CHUNK: Final = 1_000
SAMPLED: Final = 5_000
"""Decisions whose values are kept, for quantiles."""

FORGOTTEN: Final = "of a customer who was forgotten"
OTHER_SCHEMA: Final = "with features declared otherwise than today"
Day = int
"""Days since 1970 UTC."""

_Key = TypeVar("_Key", str, int)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Watched:
    """What was counted of a log; `left_out` by reason, `sample` of values and whose they were."""

    sample: RowSample
    by_journey: dict[str, Tally] = field(default_factory=dict)
    by_day: dict[Day, Tally] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    first_us: int = 0
    last_us: int = 0

    @property
    def total(self) -> Tally:
        """All that were counted."""
        first, *others = self.by_journey.values()
        return sum(others, first)

    @property
    def first_at(self) -> datetime:
        """When the first of them was made."""
        return _moment(self.first_us)

    @property
    def last_at(self) -> datetime:
        """When the last of them was made."""
        return _moment(self.last_us)


Observer = Callable[[list[LoggedVector]], None]


def watch(
    rows: Iterable[LoggedVector],
    monitored: Monitored,
    rng: np.random.Generator,
    observers: Sequence[Observer] = (),
) -> Watched:
    """The counts of a log; each observer is shown every chunk that is counted.

    Memory: a chunk, the sample, and a tally a journey and a day. Raises: `LogError`, `TooFewRoundsError` without a decision.
    """
    watched = Watched(RowSample(SAMPLED, rng))
    for chunk in _chunks(_usable(rows, monitored, watched.left_out)):
        seen = monitored.see(chunk)
        _count(watched.by_journey, seen.journeys, monitored, seen)
        _count(watched.by_day, seen.days, monitored, seen)
        watched.sample.offer(seen.values, seen.customers)
        times = [row.decided_at_us for row in chunk]
        watched.first_us = min(times) if watched.last_us == 0 else min(watched.first_us, *times)
        watched.last_us = max(watched.last_us, *times)
        for observer in observers:
            observer(chunk)
    if not watched.by_journey:
        told = (
            ", ".join(f"{n:,} {reason}" for reason, n in watched.left_out.items())
            or "it is empty, or was in the time asked for"
        )
        raise TooFewRoundsError(f"the log holds no decision to compare: {told}")
    return watched


def _usable(
    rows: Iterable[LoggedVector], monitored: Monitored, left_out: Counter[str]
) -> Iterator[LoggedVector]:
    for row in rows:
        if not len(row.features):
            left_out[FORGOTTEN] += 1
        elif row.versions.get("features") != monitored.schema_version:
            left_out[OTHER_SCHEMA] += 1
        else:
            yield row


def _chunks(rows: Iterator[LoggedVector]) -> Iterator[list[LoggedVector]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _count(
    tallies: dict[_Key, Tally], labels: Sequence[_Key], monitored: Monitored, seen: SeenValues
) -> None:
    known = np.array(labels)
    for key in set(labels):
        tally = Tally.of(monitored, seen, np.flatnonzero(known == key))
        tallies[key] = tallies[key] + tally if key in tallies else tally


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
