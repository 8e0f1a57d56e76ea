"""Waiting for company: what is asked together costs a fraction of what it costs one by one.

A reading or a commit has a price of its own, two threads woken and some round trips, which is that of several decisions.
Without a pause the first of thirty that arrive within a millisecond would go alone and the others after it. But if all of
them went together, the processor would wait while the databases work for them, and the databases while it decides. So they
go in two groups, which take turns.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sized
from typing import Final

MOST_TURNS: Final = 4
PAUSE_SECONDS: Final = 0.001
"""No less: the event loop's timers have whole milliseconds."""
MOST_PAUSES: Final = 3
"""Longer than this nobody waits for the rest of half of those under way: one of them may wait for a slow store."""
_LEAST: Final = 8
"""Fewer are no group: each of theirs would cost more than what the turns save."""


class Company:
    """Whoever waits when it begins."""

    def enough(self) -> int:
        """How many go together, at most."""
        return sys.maxsize

    def is_worth_a_pause(self, _waiting: int) -> bool:
        """Whether more are about to come although a turn brought none."""
        return False


EVERYBODY: Final = Company()


class UnderWay(Company):
    """Half of the decisions under way in this worker, whatever each of them waits for."""

    def __init__(self) -> None:
        self._number = 0

    def begin(self) -> None:
        """One more is under way."""
        self._number += 1

    def end(self) -> None:
        """One of them is made, or given up."""
        self._number -= 1

    def enough(self) -> int:
        """So many that there are two groups."""
        return max(-(-self._number // 2), _LEAST)

    def is_worth_a_pause(self, waiting: int) -> bool:
        """While another group is elsewhere and these are not half: going now, they would be one of three groups or more."""
        return self._number > max(waiting, _LEAST) and waiting < self.enough()


async def wait_for_company(waiting: Callable[[], Sized], company: Company) -> None:
    """Let the event loop take turns, `MOST_TURNS` at most, for as long as each brings more of those that are waiting.

    Who is alone waits for one turn in which nothing else is to be done, some microseconds. Then, while many are under way,
    wait for the rest of a group, `MOST_PAUSES` at most.
    """
    for _ in range(MOST_TURNS):
        before = len(waiting())
        if before >= company.enough():
            return
        await asyncio.sleep(0)
        if len(waiting()) <= before:
            break
    for _ in range(MOST_PAUSES):
        if not company.is_worth_a_pause(len(waiting())):
            return
        await asyncio.sleep(PAUSE_SECONDS)
