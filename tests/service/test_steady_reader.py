"""Reading features through the reader that nobody waits for twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, Gauge

from features.online import OnlineStoreError
from features.stored import StoredFeatures
from service.steady_reader import SteadyReader
from tests.service.conftest import stored_customer


class Store:
    """A store that hangs until it is told to go on, or fails while it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails = False
        self.asked = 0
        self.batches: list[int] = []

    def read(self, customer_id: str) -> StoredFeatures:
        self.asked += 1
        self.go_on.wait(timeout=20)
        if self.fails:
            raise OnlineStoreError("gone")
        return stored_customer(customer_id)

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        self.batches.append(len(customer_ids))
        return [self.read(customer_id) for customer_id in customer_ids]


@pytest.fixture
def up() -> Gauge:
    return Gauge("up", "up", registry=CollectorRegistry())


def reader_of(store: Store, up: Gauge) -> SteadyReader:
    return SteadyReader(reader=store, up=up, patience_seconds=0.2, retry_seconds=0.01)


def test_a_store_that_hangs_is_waited_for_once_and_asked_again_beside(up: Gauge) -> None:
    store = Store()
    store.go_on.clear()

    async def scenario() -> None:
        reader = reader_of(store, up)
        at_once = await asyncio.gather(*(reader.read(f"c{number}") for number in range(40)))
        began = time.monotonic()
        later = await reader.read("c1")
        took = time.monotonic() - began
        was_up = up._value.get()
        store.go_on.set()
        while up._value.get() == 0:
            await asyncio.sleep(0.01)
        known = await reader.read("c1")

        assert not any(found.views for found in at_once)
        assert not later.views
        assert took < 0.1
        assert was_up == 0
        assert known.views

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))


def test_a_caller_in_a_hurry_gets_nothing_and_the_others_wait_on(up: Gauge) -> None:
    store = Store()
    store.go_on.clear()

    async def scenario() -> None:
        reader = SteadyReader(reader=store, up=up, patience_seconds=10)
        patient = asyncio.create_task(reader.read("c1"))
        hurried = await reader.read("c1", within=0.01)
        store.go_on.set()

        assert not hurried.views
        assert (await patient).views
        assert up._value.get() == 1

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))


def test_a_process_that_stood_still_itself_does_not_take_the_store_for_away(up: Gauge) -> None:
    async def scenario() -> None:
        reader = reader_of(Store(), up)
        asking = asyncio.create_task(reader.read("c1"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the reading is under way
        time.sleep(0.4)  # the whole process stands still, longer than the store may take

        assert (await asking).views
        assert up._value.get() == 1

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))


def test_a_store_that_fails_is_not_asked_by_requests_until_it_answers(up: Gauge) -> None:
    store = Store()
    store.fails = True

    async def scenario() -> None:
        reader = reader_of(store, up)
        assert not (await reader.read("c1")).views
        assert up._value.get() == 0
        store.fails = False
        while up._value.get() == 0:
            await asyncio.sleep(0.01)
        assert (await reader.read("c1")).views

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))


def test_what_is_asked_while_a_reading_runs_is_in_the_next_one(up: Gauge) -> None:
    store = Store()
    store.go_on.clear()

    async def scenario() -> None:
        reader = SteadyReader(reader=store, up=up, patience_seconds=10)
        first = asyncio.create_task(reader.read("c0"))
        while not store.batches:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(reader.read(f"c{number}")) for number in range(1, 6)]
        await asyncio.sleep(0.01)
        store.go_on.set()
        found = await asyncio.gather(first, *others)

        assert [each.customer_id for each in found] == [f"c{number}" for number in range(6)]
        assert store.batches == [1, 5]

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))


class Picky(Store):
    """A store that has one customer whom it cannot read."""

    def read(self, customer_id: str) -> StoredFeatures:
        if customer_id == "broken":
            raise KeyError(customer_id)
        return super().read(customer_id)


def test_a_customer_who_cannot_be_read_harms_no_other(up: Gauge) -> None:
    async def scenario() -> None:
        reader = SteadyReader(reader=Picky(), up=up)
        asked = [reader.read("c1"), reader.read("broken"), reader.read("c2")]
        first, broken, last = await asyncio.gather(*asked, return_exceptions=True)

        assert isinstance(first, StoredFeatures)
        assert isinstance(broken, KeyError)
        assert isinstance(last, StoredFeatures)
        assert up._value.get() == 1

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))
