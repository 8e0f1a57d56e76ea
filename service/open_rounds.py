"""The sums of rounds whose reward window is still open, kept so that their exposure can grow with the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from models.delay import DelayDistribution, Sums, exposed, exposures

SLOT = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Slot:
    """Rounds of one journey and policy that took effect in the same quarter of an hour: they are exposed alike."""

    policy: str
    journey: str
    number: int

    @classmethod
    def of(cls, policy: str, journey: str, effective_at: datetime) -> Slot:
        """The slot of a round."""
        return cls(policy, journey, (effective_at - _EPOCH) // SLOT)

    def age_hours(self, now: datetime) -> float:
        """How long ago the middle of the slot was."""
        return (now - _EPOCH - (self.number + 0.5) * SLOT) / timedelta(hours=1)


@dataclass
class SlotSums:
    """How many rounds, their sums had nothing come back, and their sums with what did."""

    n_rounds: int
    silent: Sums
    answered: Sums


class OpenRounds:
    """The sums by slot. Rounds come when they take effect, change when an answer comes, go when their window closes."""

    def __init__(self) -> None:
        self._slots: dict[Slot, SlotSums] = {}

    def __len__(self) -> int:
        return sum(sums.n_rounds for sums in self._slots.values())

    def add(self, slot: Slot, n_rounds: int, silent: Sums, answered: Sums) -> None:
        """Add rounds to a slot, or with a negative number take them out: the sums are those of the rounds either way.

        Raises: `ValueError` when more are taken out than are in it.
        """
        sums = self._slots.get(slot)
        if n_rounds + (sums.n_rounds if sums else 0) < 0:
            raise ValueError(f"{-n_rounds} rounds are to leave {slot}; it has {sums.n_rounds if sums else 0}")
        if sums is None:
            self._slots[slot] = SlotSums(n_rounds, silent, answered)
            return
        sums.n_rounds += n_rounds
        sums.silent = sums.silent + silent if n_rounds > 0 else sums.silent - silent
        sums.answered = sums.answered + answered if n_rounds > 0 else sums.answered - answered
        if sums.n_rounds == 0:
            del self._slots[slot]

    def exposed(
        self, policy: str, now: datetime, delays: Mapping[tuple[str, str], DelayDistribution]
    ) -> Iterable[Sums]:
        """What the open rounds of a policy teach at this moment, slot by slot; delays: by policy and journey."""
        for slot, sums in self._slots.items():
            if slot.policy == policy:
                age = np.array([slot.age_hours(now)])
                exposure = float(exposures(delays[policy, slot.journey], age)[0])
                yield exposed(sums.silent, sums.answered, exposure)

    def journeys(self) -> set[tuple[str, str]]:
        """The pairs of policy and journey that have open rounds."""
        return {(slot.policy, slot.journey) for slot in self._slots}
