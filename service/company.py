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
_LEAST: Final = 8
"""Fewer are no group: each of theirs would cost more than what the turns save."""
Enough = Callable[[], int]
"""How many are company enough."""


def everybody() -> int:
    """Nobody is enough, while more come."""
    return sys.maxsize


async def wait_for_company(waiting: Callable[[], Sized], enough: Enough = everybody) -> None:
    """Let the event loop take turns, `MOST_TURNS` at most, for as long as each brings more of those that are waiting.

    Who is alone waits for one turn in which nothing else is to be done, some microseconds.
    """
    for _ in range(MOST_TURNS):
        before = len(waiting())
        if before >= enough():
            return
        await asyncio.sleep(0)
        if len(waiting()) <= before:
            return


class UnderWay:
    """Counts the decisions under way in this worker, whatever each of them waits for."""

    def __init__(self) -> None:
        self._number = 0

    def begin(self) -> None:
        """One more is under way."""
        self._number += 1

    def end(self) -> None:
        """One of them is made, or given up."""
        self._number -= 1

    def half(self) -> int:
        """How many go together, so that there are two groups."""
        return max(-(-self._number // 2), _LEAST)
