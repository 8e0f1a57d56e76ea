"""Who comes within a turn of the event loop is asked for together with who came before."""

from __future__ import annotations

import asyncio
import sys

from service.company import MOST_TURNS, UnderWay, wait_for_company
from tests.service.conftest import Worker


def test_it_waits_while_each_turn_brings_more_and_no_longer() -> None:
    assert asyncio.run(_waited(arriving=0)) == 1
    assert asyncio.run(_waited(arriving=2)) == 3
    assert asyncio.run(_waited(arriving=100)) == MOST_TURNS


def test_it_waits_no_longer_once_there_are_enough() -> None:
    assert asyncio.run(_waited(arriving=100, enough=1)) == 0
    assert asyncio.run(_waited(arriving=100, enough=3)) == 2


def test_half_of_those_under_way_are_enough_but_a_few_are_not() -> None:
    under_way = UnderWay()
    assert under_way.half() == 8

    for _ in range(33):
        under_way.begin()
    assert under_way.half() == 17

    for _ in range(33):
        under_way.end()
    assert under_way.half() == 8


def test_decisions_that_end_in_an_error_are_not_under_way_any_more(worker: Worker) -> None:
    for _ in range(20):
        answer = worker.client.post("/v1/decide", json={"customer_id": "c1", "journey": "none such"})
        assert answer.status_code == 404

    assert worker.state.under_way.half() == 8


async def _waited(arriving: int, enough: int = sys.maxsize) -> int:
    """Turns that were waited, where one more arrives in each of the first turns."""
    waiting, turns = ["first"], 0
    done = asyncio.create_task(wait_for_company(lambda: waiting, lambda: enough))
    await asyncio.sleep(0)  # it has begun
    while not done.done():
        turns += 1
        if turns <= arriving:
            waiting.append("another")
        await asyncio.sleep(0)
    await done
    return turns
