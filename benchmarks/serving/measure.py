"""Throughput, processor time and latency of whoever is asked, in turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from benchmarks.serving.load import Load, closed_loop, open_loop
from benchmarks.serving.processes import SERVER_CORE, Room, Server


@dataclass(frozen=True)
class Way:
    """Somebody who is asked. `requests` makes so many for a journey, `give_back` is told how many of them were not sent."""

    name: str
    server: Server
    requests: Callable[[int, str], list[bytes]]
    give_back: Callable[[int], None] = lambda _count: None
    servers_s: Callable[[], float] = lambda: 0.0
    """Processor time of the databases that work for it."""
    cores: Collection[int] = (SERVER_CORE,)
    remembers: bool = False
    """Whether its answer about a customer depends on those before: nobody may be asked about twice."""

    def to_ask(self, count: int, journey: str, most: int) -> Sequence[bytes]:
        """So many requests, about no more than `most` customers where it remembers them."""
        return self.requests(min(max(count, 1), most) if self.remembers else max(count, 1), journey)


@dataclass(frozen=True)
class Burst:
    """One load on one server."""

    way: str
    journey: str
    connections: int
    """0: at a steady rate."""
    rate: float
    """Answers a second."""
    processor_us: float
    """Of the server with all its threads and processes, a request."""
    databases_us: float
    generator_us: float
    p50_ms: float
    p99_ms: float
    pause_ms: float
    room: float
    """How much of the server's core, or cores, no other program took."""
    said: Counter[tuple[int, str]]

    @property
    def rate_alone(self) -> float:
        """Answers a second if it had had its core, or each of its cores, for itself: what a busy machine changes less."""
        return self.rate / self.room


def full_load(way: Way, journey: str, connections: int, seconds: float, most: int) -> Burst:
    """As much as it answers in these seconds; what remembers customers is asked about `most` of them and no more."""
    made = way.requests(most, journey)
    requests = made if way.remembers else cycle(made)
    burst, load = _watched(
        way,
        journey,
        connections,
        lambda: closed_loop(way.server.address, requests, connections=connections, seconds=seconds),
    )
    if way.remembers:
        way.give_back(most - load.count)
    return burst


def steady_load(
    way: Way, journey: str, rate: float, seconds: float, most: int, between: Sequence[bytes] = ()
) -> Burst:
    """So many requests a second, evenly, whatever it answers; the requests `between` are spread among them."""
    mixed = mix(way.to_ask(int(rate * seconds), journey, most), between)
    return _watched(way, journey, 0, lambda: open_loop(way.server.address, mixed, rate=rate))[0]


def mix(requests: Sequence[bytes], between: Sequence[bytes]) -> list[bytes]:
    """The first with the second among them at even distances.

    >>> mix([b"1", b"2", b"3", b"4"], [b"a", b"b"])
    [b'1', b'2', b'a', b'3', b'4', b'b']
    """
    every = len(requests) / len(between) if between else 0.0
    mixed, placed = list[bytes](), 0
    for count, request in enumerate(requests, start=1):
        mixed.append(request)
        while placed < len(between) and count >= (placed + 1) * every:
            mixed.append(between[placed])
            placed += 1
    return mixed


def _watched(way: Way, journey: str, connections: int, ask: Callable[[], Load]) -> tuple[Burst, Load]:
    spent, served = way.server.processor_s(), way.servers_s()
    room = Room.now(way.cores, spent)
    load = ask()
    after = way.server.processor_s()
    left = Room.now(way.cores, after).left_since(room)
    each_us = 1e6 / load.count
    p50, p99 = np.percentile(load.latency_ms, [50, 99])
    burst = Burst(
        way=way.name,
        journey=journey,
        connections=connections,
        rate=load.rate,
        processor_us=(after - spent) * each_us,
        databases_us=(way.servers_s() - served) * each_us,
        generator_us=load.processor_s * each_us,
        p50_ms=float(p50),
        p99_ms=float(p99),
        pause_ms=load.pause_ms,
        room=left,
        said=load.said,
    )
    return burst, load
