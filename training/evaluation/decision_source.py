"""A decision log wherever it is kept, the service's database or its export to Parquet, and the reading of it into files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import LogError
from training.evaluation.log_rules import Rules, reward_rules, sample_ratios
from training.evaluation.log_summary import RewardDelay
from training.evaluation.logged_vector import LoggedVector
from training.evaluation.round_buffer import LogRow
from training.evaluation.round_labels import microseconds
from training.evaluation.round_segments import RoundSegments
from training.evaluation.round_spool import SpooledLog, spool_rounds

DECISIONS: Final = ("channel", "send_time", "coupon", "message")
DECISIVE: Final = ("clicked", "purchased")
"""Outcomes that earn."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The rounds of one decision; of one journey alone, and only those decided from `since` on, where these are given.

    segments: those that each round's customer is to be asked about.
    """

    decision: str
    journey: str | None = None
    since: datetime | None = None
    segments: RoundSegments | None = None

    @property
    def since_us(self) -> int | None:
        """`since` in microseconds since 1970 UTC."""
        return None if self.since is None else microseconds(self.since)


class DecisionSource(Protocol):
    """A decision log that is open for reading."""

    @property
    def scanned_until_us(self) -> int:
        """The learner had taken in every window that closed before this, microseconds since 1970 UTC; 0: none."""
        ...

    @property
    def ends_before_us(self) -> int | None:
        """What was decided then or later is not in it, microseconds since 1970 UTC; None: it holds all that was decided."""
        ...

    def journeys(self) -> Sequence[str]:
        """The journeys that decisions were made in, ascending."""
        ...

    def rules(self) -> Rules:
        """Every version of the journeys' rules. Raises: `LogError`."""
        ...

    def rows(self, selection: Selection) -> Iterator[LogRow]:
        """Decisions with the reward of the one selected, oldest first. Raises: `LogError`."""
        ...

    def vectors(self, since: datetime | None = None) -> Iterator[LoggedVector]:
        """What each decision made at `since` or later (None: each one) saw, oldest first. Raises: `LogError`."""
        ...

    def customers(self, journeys: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Distinct customers by journey and group."""
        ...

    def delays_hours(self, journeys: Sequence[str]) -> Floats:
        """Hours from when a decision of these journeys takes effect to each click and purchase, `(n,)`, in any order."""
        ...


def spool_decisions(source: DecisionSource, selection: Selection, folder: Path) -> SpooledLog:
    """The rounds to judge by in files of the folder, which must outlive the log.

    Raises: `LogError` when the log cannot be read, holds no such journey or no such decision exists; `TooFewRoundsError`.
    """
    if selection.decision not in DECISIONS:
        raise LogError(f"no decision {selection.decision!r}; wanted one of {', '.join(DECISIONS)}")
    journey, known = selection.journey, source.journeys()
    if journey is not None and journey not in known:
        raise LogError(f"no decision of a journey {journey!r} in the log; there are {list(known)}")
    rules, scanned_until_us = source.rules(), source.scanned_until_us
    log = spool_rounds(
        source.rows(selection),
        decision=selection.decision,
        rules=reward_rules(rules, selection.decision),
        scanned_until_us=scanned_until_us,
        folder=folder,
        segments=selection.segments,
    )
    journeys = sorted({name for name, _ in log.n_by_journey})
    return replace(
        log,
        closed_until_us=min(log.closed_until_us, source.ends_before_us or log.closed_until_us),
        sample_ratios=sample_ratios(rules, source.customers(journeys)),
        delay=RewardDelay.of(np.asarray(source.delays_hours(journeys))),
    )
