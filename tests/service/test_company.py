"""Who comes within a turn of the event loop is asked for together with who came before."""

from __future__ import annotations

import asyncio
import sys

from service.company import MOST_PAUSES, MOST_TURNS, PAUSE_SECONDS, Company, UnderWay, wait_for_company
from tests.service.conftest import Worker


def test_it_waits_while_each_turn_brings_more_and_no_longer() -> None:
    assert asyncio.run(_waited(arriving=0)) == 1
    assert asyncio.run(_waited(arriving=2)) == 3
    assert asyncio.run(_waited(arriving=100)) == MOST_TURNS


def test_it_waits_no_longer_once_there_are_enough() -> None:
    assert asyncio.run(_waited(arriving=100, enough=1)) == 0
    assert asyncio.run(_waited(arriving=100, enough=3)) == 2


def test_half_of_those_under_way_are_enough_but_a_few_are_not() -> None:
    assert UnderWay().enough() == 8

    under_way = _under_way(33)
    assert under_way.enough() == 17

    for _ in range(33):
        under_way.end()
    assert under_way.enough() == 8


def test_decisions_that_end_in_an_error_are_not_under_way_any_more(worker: Worker) -> None:
    for _ in range(20):
        answer = worker.client.post("/v1/decide", json={"customer_id": "c1", "journey": "none such"})
        assert answer.status_code == 404

    assert worker.state.under_way.enough() == 8


def test_while_others_are_elsewhere_it_waits_for_the_rest_of_half_but_not_for_ever() -> None:
    assert asyncio.run(_paused(waiting=3, of=16, come=5)) == 8
    assert asyncio.run(_paused(waiting=3, of=40, come=9)) == 12, "the others may be held up"


def test_few_and_all_there_are_go_at_once() -> None:
    for waiting, of in ((1, 1), (3, 8), (10, 10), (8, 16)):
        under_way = _under_way(of)
        assert not under_way.is_worth_a_pause(waiting), (waiting, of)


def _under_way(number: int) -> UnderWay:
    under_way = UnderWay()
    for _ in range(number):
        under_way.begin()
    return under_way


async def _paused(waiting: int, of: int, come: int) -> int:
    """How many go together when some come during the first pause; raises `TimeoutError` when they wait much longer."""
    there = [*range(waiting)]
    asyncio.get_running_loop().call_later(PAUSE_SECONDS / 2, there.extend, range(come))
    waited = wait_for_company(lambda: there, _under_way(of))
    await asyncio.wait_for(waited, 1000 * MOST_PAUSES * PAUSE_SECONDS)
    return len(there)


class _Enough(Company):
    def __init__(self, number: int) -> None:
        self._number = number

    def enough(self) -> int:
        return self._number


async def _waited(arriving: int, enough: int = sys.maxsize) -> int:
    """Turns that were waited, where one more arrives in each of the first turns."""
    waiting, turns = ["first"], 0
    done = asyncio.create_task(wait_for_company(lambda: waiting, _Enough(enough)))
    await asyncio.sleep(0)  # it has begun
    while not done.done():
        turns += 1
        if turns <= arriving:
            waiting.append("another")
        await asyncio.sleep(0)
    await done
    return turns
