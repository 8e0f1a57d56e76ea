"""A load generator that costs less than any server it asks: requests made beforehand, and of an answer only what is needed.

Two ways to ask. `closed_loop`: so many connections, each asking again as soon as it is answered, which finds how much a
server can do. `open_loop`: at moments fixed beforehand whatever the server does, each latency counted from the moment at
which the request was to be sent; what waits because the server stood still is not forgotten ("coordinated omission").
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import uvloop
from numpy.typing import NDArray

OPEN_LOOP_CONNECTIONS = 64
_PATIENCE_S = 60.0
_LENGTH, _STATUS = b"content-length:", b'"status":"'
Answered = Callable[["Connection", bytes], None]


class LoadError(RuntimeError):
    """The server ended a connection, answered what is no answer, or did not answer in time."""


@dataclass
class Load:
    """What came of asking. `said` counts answers by HTTP status and by the `status` that a decision's body states."""

    wanted_at: list[float] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    said: Counter[tuple[int, str]] = field(default_factory=Counter)
    seconds: float = 0.0
    """While all connections had something to ask."""
    in_time: int = 0
    """Answers that arrived within `seconds`."""
    processor_s: float = 0.0
    """Of the load generator itself."""

    @property
    def count(self) -> int:
        """All answers."""
        return len(self.answered_at)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.in_time / self.seconds

    @property
    def latency_ms(self) -> NDArray[np.float64]:
        """Of each request, from when it was to be sent."""
        return np.array([a - w for w, a in zip(self.wanted_at, self.answered_at, strict=True)]) * 1e3

    @property
    def pause_ms(self) -> float:
        """The longest that requests waited and none was answered."""
        return longest_pause(self.wanted_at, self.answered_at) * 1e3

    def share(self, status: str) -> float:
        """The share of answers whose body states this status; of HTTP errors none counts."""
        return self.said[200, status] / self.count if self.count else 0.0

    def note(self, wanted_at: float, answer: bytes) -> None:
        """Count one answer."""
        self.wanted_at.append(wanted_at)
        self.answered_at.append(time.perf_counter())
        self.said[int(answer[9:12]), _stated(answer)] += 1


def longest_pause(wanted_at: Sequence[float], answered_at: Sequence[float]) -> float:
    """The longest time in which at least one request was waiting and none was answered.

    >>> longest_pause([0.0, 1.0, 2.0, 3.0], [0.5, 3.5, 3.6, 3.7])
    2.5
    """
    if not answered_at:
        return 0.0
    order = np.argsort(answered_at)
    wanted, answered = np.asarray(wanted_at)[order], np.asarray(answered_at)[order]
    first_waiting = np.minimum.accumulate(wanted[::-1])[::-1]
    since = np.maximum(first_waiting, np.concatenate([[-np.inf], answered[:-1]]))
    return float(np.max(answered - since))


def post(path: str, body: bytes) -> bytes:
    """The bytes of a request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One connection with at most one request under way; `on_answer` is given the whole answer."""

    def __init__(self, on_answer: Answered) -> None:
        self.wanted_at = 0.0
        self.error: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_answer, self._held, self._length = on_answer, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: there is somebody to write to."""
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes, wanted_at: float) -> None:
        """Send the request that was to be sent at that moment."""
        self.wanted_at = wanted_at
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """asyncio's: a part of an answer, mostly all of it."""
        held = self._held + data if self._held else data
        if not self._length:
            self._length = _length_of(held)
        if self._length and len(held) >= self._length:
            self._held, self._length = b"", 0
            self._on_answer(self, held)
        else:
            self._held = held

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's: nobody answers any more."""
        if not self.error.done():
            self.error.set_exception(LoadError(f"the connection ended: {error}, {self._held[:300]!r}"))

    def close(self) -> None:
        """End the connection."""
        self.error.cancel()
        self._transport.close()


def _length_of(held: bytes) -> int:
    """Bytes of the whole answer; 0 while its head is not complete. Raises `LoadError` where its head states none."""
    end = held.find(b"\r\n\r\n")
    if end < 0:
        return 0
    place = held[:end].lower().find(_LENGTH)
    if place < 0:
        raise LoadError(f"an answer without content-length: {held[:end]!r}")
    stop = held.find(b"\r\n", place)
    return end + 4 + int(held[place + len(_LENGTH) : stop])


def _stated(answer: bytes) -> str:
    place = answer.find(_STATUS)
    if place < 0:
        return ""
    place += len(_STATUS)
    return answer[place : answer.find(b'"', place)].decode()


def closed_loop(address: str, requests: Iterable[bytes], *, connections: int, seconds: float) -> Load:
    """Ask on so many connections until the time is over or there is nothing more to ask. Raises `LoadError`."""
    return uvloop.run(_run(_Closed(iter(requests), seconds), address, connections))


def open_loop(
    address: str, requests: Sequence[bytes], *, rate: float, connections: int = OPEN_LOOP_CONNECTIONS
) -> Load:
    """Ask each request at its moment, `rate` a second, evenly. Raises `LoadError`."""
    return uvloop.run(_run(_Open(requests, rate), address, connections))


class _Loop:
    """What both ways share."""

    def __init__(self) -> None:
        self.load, self.done = Load(), asyncio.Event()
        self.connections: list[Connection] = []

    def begin(self) -> None:
        """Send what is sent first."""

    def end(self) -> None:
        """Let go of what is held."""

    def on_answer(self, connection: Connection, answer: bytes) -> None:
        """Note the answer, go on."""
        raise NotImplementedError


async def _run(loop: _Loop, address: str, connections: int) -> Load:
    running, target = asyncio.get_running_loop(), urlsplit(address)
    for _ in range(connections):
        _, made = await running.create_connection(
            lambda: Connection(loop.on_answer), target.hostname or "", target.port or 80
        )
        loop.connections.append(made)
    spent = time.process_time()
    loop.begin()
    over = asyncio.ensure_future(_until(loop.done))
    try:
        waited: list[asyncio.Future[None]] = [over, *(each.error for each in loop.connections)]
        finished, _ = await asyncio.wait(
            waited, timeout=_PATIENCE_S + loop.load.seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for each in finished:
            await each
        if not finished:
            raise LoadError(f"{loop.load.count} answers, and then none")
    finally:
        over.cancel()
        loop.end()
        for connection in loop.connections:
            connection.close()
        await asyncio.sleep(0)  # in which they are closed
    loop.load.processor_s = time.process_time() - spent
    return loop.load


async def _until(event: asyncio.Event) -> None:
    await event.wait()


class _Closed(_Loop):
    def __init__(self, requests: Iterable[bytes], seconds: float) -> None:
        super().__init__()
        self._requests, self.load.seconds, self._waiting = iter(requests), seconds, 0

    def begin(self) -> None:
        self._began = time.perf_counter()
        self._until = self._began + self.load.seconds
        for connection in self.connections:
            self._next(connection)

    def on_answer(self, connection: Connection, answer: bytes) -> None:
        self.load.note(connection.wanted_at, answer)
        self._waiting -= 1
        self._next(connection)

    def _next(self, connection: Connection) -> None:
        now = time.perf_counter()
        request = next(self._requests, None) if now < self._until else None
        if request is not None:
            self._waiting += 1
            connection.ask(request, now)
            return
        self._until = min(self._until, now)
        if not self._waiting:
            self.load.seconds = self._until - self._began
            self.load.in_time = sum(at <= self._until for at in self.load.answered_at)
            self.done.set()


class _Open(_Loop):
    """A thread sleeps until each moment and rings: the loop's own timers are right to a millisecond only."""

    def __init__(self, requests: Sequence[bytes], rate: float) -> None:
        super().__init__()
        self._requests, self._rate = requests, rate
        self.load.seconds = len(requests) / rate
        self._bell = os.eventfd(0)
        self._due, self._sent, self._stopped = 0, 0, False
        self._free: deque[Connection] = deque()

    def begin(self) -> None:
        self._free.extend(self.connections)
        self._began = time.perf_counter() + 0.01
        asyncio.get_running_loop().add_reader(self._bell, self._ring)
        self._pacer = threading.Thread(target=self._pace, name="pacer")
        self._pacer.start()

    def end(self) -> None:
        self._stopped = True
        self._pacer.join()
        asyncio.get_running_loop().remove_reader(self._bell)
        os.close(self._bell)

    def on_answer(self, connection: Connection, answer: bytes) -> None:
        self.load.note(connection.wanted_at, answer)
        self._free.append(connection)
        self._send()
        if self.load.count == len(self._requests):
            self.load.in_time = self.load.count
            self.load.seconds = time.perf_counter() - self._began
            self.done.set()

    def _pace(self) -> None:
        for place in range(len(self._requests)):
            ahead = self._moment(place) - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            if self._stopped:
                return
            os.eventfd_write(self._bell, 1)

    def _ring(self) -> None:
        self._due += os.eventfd_read(self._bell)
        self._send()

    def _send(self) -> None:
        while self._sent < self._due and self._free:
            self._free.popleft().ask(self._requests[self._sent], self._moment(self._sent))
            self._sent += 1

    def _moment(self, place: int) -> float:
        return self._began + place / self._rate
