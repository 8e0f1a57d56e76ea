"""Waiting for company: what is asked together costs a fraction of what it costs one by one.

A reading or a commit has a price of its own, two threads woken and some round trips, which is that of several decisions.
Without a pause the first of thirty that arrive within a millisecond would go alone and the others after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized
from typing import Final

MOST_TURNS: Final = 4


async def wait_for_company(waiting: Callable[[], Sized]) -> None:
    """Let the event loop take turns, `MOST_TURNS` at most, for as long as each brings more of those that are waiting.

    Who is alone waits for one turn in which nothing else is to be done, some microseconds.
    """
    for _ in range(MOST_TURNS):
        before = len(waiting())
        await asyncio.sleep(0)
        if len(waiting()) <= before:
            return
