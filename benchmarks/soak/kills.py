"""Which part is killed when: by chance, but each kind in its turn, and of the learners the one that learns."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.soak.stack import LEADS, WAITS, Part

TAKEOVER_S = 30.0
"""How long another learner is waited for."""


class Learner(Part, Protocol):
    """A part that tells whether it learns."""

    def last_said(self, *events: str) -> str | None:
        """Which of these events it logged last since its start."""


@dataclass(frozen=True)
class Pauses:
    """How long it is quiet between two kills, and how long a killed part stays away: seconds, from and to."""

    quiet_s: tuple[float, float] = (2.0, 6.0)
    away_s: tuple[float, float] = (0.5, 4.0)


USUAL = Pauses()


def turns(kinds: Sequence[str], rng: random.Random) -> Iterator[str]:
    """One kind after another without end: each once in any order, then each once again.

    >>> some = turns(["redis", "worker"], random.Random(1))
    >>> sorted(next(some) for _ in range(2)), sorted(next(some) for _ in range(2))
    (['redis', 'worker'], ['redis', 'worker'])
    """
    while True:
        yield from rng.sample(kinds, len(kinds))


class Killer:
    """Kills one part at a time, lets it be away for a while, and starts it again.

    times: how often a part of each kind was killed; takeovers_s: how long after a learner's death another one learnt.
    """

    def __init__(
        self,
        *,
        parts: Mapping[str, Sequence[Part]],
        learners: Sequence[Learner],
        seed: int,
        pauses: Pauses = USUAL,
    ) -> None:
        self._parts = {**parts, "learner": learners}
        self._learners = learners
        self._pauses = pauses
        self._random = random.Random(seed)
        self.times: Counter[str] = Counter(dict.fromkeys(self._parts, 0))
        self.takeovers_s: list[float] = []

    @property
    def has_killed_every_kind(self) -> bool:
        """Whether each kind had its turn."""
        return all(self.times.values())

    async def run(self, over: Callable[[], bool]) -> None:
        """Kill until it is over, after which every part is up."""
        for kind in turns(sorted(self._parts), self._random):
            await asyncio.sleep(self._random.uniform(*self._pauses.quiet_s))
            if over():
                return
            if kind == "learner":
                await self._kill_leader()
            else:
                await self._kill(self._random.choice(self._parts[kind]))
            self.times[kind] += 1

    async def _kill(self, part: Part) -> None:
        await asyncio.to_thread(part.kill)
        await asyncio.sleep(self._random.uniform(*self._pauses.away_s))
        await asyncio.to_thread(part.start)

    async def _kill_leader(self) -> None:
        """Kill the learner that learns while another one is ready, and see how soon that one does."""
        await _hold_on(lambda: sorted(map(_standing, self._learners), key=str) == [LEADS, WAITS])
        leader = next(each for each in self._learners if _standing(each) == LEADS)
        others = [each for each in self._learners if each is not leader]
        killed_at = time.monotonic()
        await asyncio.to_thread(leader.kill)
        if await _hold_on(lambda: any(_standing(each) == LEADS for each in others)):
            self.takeovers_s.append(time.monotonic() - killed_at)
        await asyncio.to_thread(leader.start)


def _standing(learner: Learner) -> str | None:
    return learner.last_said(LEADS, WAITS)


async def _hold_on(condition: Callable[[], bool]) -> bool:
    """Whether the condition came to hold within `TAKEOVER_S`."""
    end = time.monotonic() + TAKEOVER_S
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True
