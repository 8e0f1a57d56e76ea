"""The load generator of the serving benchmark against a tiny server: what it counts, and from when."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from benchmarks.serving.load import LoadError, closed_loop, longest_pause, open_loop, post

REQUEST = post("/v1/decide", b'{"customer_id": "1"}')


def answer(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def serving(reply: Callable[[int], tuple[float, bytes]]) -> Iterator[str]:
    """A server whose nth answer is what `reply` says, after so many seconds in which it answers nobody."""
    listening, numbers = socket.create_server(("127.0.0.1", 0)), itertools.count()
    stop, handling = threading.Event(), set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        with suppress(asyncio.IncompleteReadError):  # the client has closed
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                seconds, content = reply(next(numbers))
                time.sleep(seconds)
                writer.write(content[:20])
                await writer.drain()
                writer.write(content[20:])
        writer.close()
        await writer.wait_closed()

    async def serve() -> None:
        server = await asyncio.start_server(handle, sock=listening)
        while not stop.is_set():
            await asyncio.sleep(0.01)
        server.close()
        await asyncio.gather(*handling)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        thread.join()


def test_every_answer_is_counted_by_its_status_and_what_its_body_states() -> None:
    bodies = [answer(200, b'{"status":"act"}'), answer(503, b"{}"), answer(200, b'{"status":"hold"}')]
    with serving(lambda count: (0.0, bodies[count % 3])) as address:
        load = closed_loop(address, [REQUEST] * 30, connections=4, seconds=30.0)

    assert load.said == {(200, "act"): 10, (503, ""): 10, (200, "hold"): 10}
    assert load.count == 30
    assert load.seconds < 30
    assert 0 < load.in_time <= 30


def test_a_closed_loop_ends_when_its_time_is_over() -> None:
    with serving(lambda _: (0.01, answer(200, b"{}"))) as address:
        load = closed_loop(address, [REQUEST] * 1000, connections=2, seconds=0.3)

    assert 1 < load.count < 60
    assert load.seconds == pytest.approx(0.3, abs=0.1)


def test_what_waits_behind_a_pause_is_counted_from_when_it_was_to_be_sent() -> None:
    """One answer of 40 takes 400 ms; at 100 requests a second the next forty were to be sent in that time."""
    with serving(lambda count: (0.4 if count == 10 else 0.0, answer(200, b"{}"))) as address:
        load = open_loop(address, [REQUEST] * 60, rate=100.0, connections=1)

    late = sorted(load.latency_ms)
    assert load.count == 60
    assert late[-1] >= 400
    assert sum(ms > 100 for ms in late) >= 25, "with coordinated omission it would be one"
    assert load.pause_ms >= 380
    assert [round(at - load.wanted_at[0], 6) for at in load.wanted_at[:3]] == [0.0, 0.01, 0.02]


def test_a_connection_that_ends_is_an_error() -> None:
    with (
        serving(lambda _: (0.0, b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n")) as address,
        pytest.raises(LoadError, match="without content-length"),
    ):
        closed_loop(address, [REQUEST], connections=1, seconds=1.0)


def test_a_pause_is_only_while_somebody_waits() -> None:
    assert longest_pause([0.0, 9.0], [1.0, 9.5]) == 1.0
    assert longest_pause([], []) == 0.0
