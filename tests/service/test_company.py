"""Who comes within a turn of the event loop is asked for together with who came before."""

from __future__ import annotations

import asyncio

from service.company import MOST_TURNS, wait_for_company


def test_it_waits_while_each_turn_brings_more_and_no_longer() -> None:
    assert asyncio.run(_waited(arriving=0)) == 1
    assert asyncio.run(_waited(arriving=2)) == 3
    assert asyncio.run(_waited(arriving=100)) == MOST_TURNS


async def _waited(arriving: int) -> int:
    """Turns that were waited, where one more arrives in each of the first turns."""
    waiting, turns = ["first"], 0
    done = asyncio.create_task(wait_for_company(lambda: waiting))
    await asyncio.sleep(0)  # it has begun
    while not done.done():
        turns += 1
        if turns <= arriving:
            waiting.append("another")
        await asyncio.sleep(0)
    await done
    return turns
