"""Messages of several requests in one commit: each sender hears of its own, and one that cannot be stored fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine, func, select

from service.errors import UnstorableError
from service.events.told import Aside, Told
from service.observability import Metrics
from service.store.engine import microseconds
from service.store.event_intake import Arrived, EventIntake
from service.store.tables import events, events_aside
from tests.service.conftest import NOW


def told(message_id: str) -> Told:
    return Told(
        message_id=message_id,
        customer_id="c1",
        anonymous_id=None,
        type="track",
        name="Newsletter Read",
        occurred_at=NOW,
        content={},
    )


def arrived(*message_ids: str, seconds: float = 0) -> Arrived:
    messages = [told(each) for each in message_ids]
    return Arrived(told=messages, aside=[], received_at=NOW + timedelta(seconds=seconds))


def take_in(engine: Engine, metrics: Metrics, requests: Sequence[Arrived]) -> list[set[str] | BaseException]:
    """What each request heard; they all came before the first commit began."""
    intake = EventIntake(engine, seconds=metrics.event_flush_seconds)

    async def scenario() -> list[set[str] | BaseException]:
        waiting = [asyncio.create_task(intake.take_in(each)) for each in requests]
        await asyncio.sleep(0)
        intake.start()
        heard = await asyncio.gather(*waiting, return_exceptions=True)
        await intake.stop()
        return heard

    return asyncio.run(scenario())


def stored(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(select(events.c.message_id)))


def commits(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("gardoon_event_flush_seconds_count")


def test_requests_share_a_commit_and_each_hears_what_of_its_own_was_new(engine: Engine) -> None:
    metrics = Metrics()
    kept = Aside(
        message_id="m9",
        customer_id=None,
        anonymous_id=None,
        name=None,
        field="userId",
        fault="none",
        content={},
    )

    heard = take_in(
        engine,
        metrics,
        [
            arrived("m1", "m2"),
            arrived("m2", "m3", seconds=1),
            arrived("m1"),
            Arrived(told=[], aside=[kept], received_at=NOW),
        ],
    )

    assert heard == [{"m1", "m2"}, {"m3"}, set(), set()]
    assert stored(engine) == {"m1", "m2", "m3"}
    assert commits(metrics) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(events_aside)) == 1
        received = set(connection.scalars(select(events.c.received_at)))
    assert received == {microseconds(NOW + timedelta(seconds=1))}


def test_a_message_that_cannot_be_stored_fails_its_own_request_alone(engine: Engine) -> None:
    heard = take_in(
        engine, Metrics(), [arrived("m1"), arrived("m2", "half of a pair: \ud800"), arrived("m3")]
    )

    assert heard[0] == {"m1"}
    assert isinstance(heard[1], UnstorableError)
    assert heard[2] == {"m3"}
    assert stored(engine) == {"m1", "m3"}


def test_no_commit_takes_more_than_the_largest_request_may_have(engine: Engine) -> None:
    metrics, most = Metrics(), EventIntake.most
    large = [arrived(*(f"{number} {each}" for each in range(most // 2 + 1))) for number in range(3)]

    heard = take_in(engine, metrics, large)

    assert [len(each) for each in heard if isinstance(each, set)] == [most // 2 + 1] * 3
    assert commits(metrics) == 3
