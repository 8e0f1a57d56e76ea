"""Limits: counted in a worker, or by workers together in a Redis whose absence stops nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from limits import parse
from structlog.testing import capture_logs

from service.access.caller import parse_limit
from service.access.rate_limit import REDIS_PAUSE_SECONDS, OwnLimiter, SharedLimiter

LIMIT = parse("5/minute")


async def waits(limiter: OwnLimiter | SharedLimiter, times: int, identity: str = "key:a") -> list[int]:
    return [await limiter.wait_s(LIMIT, identity) for _ in range(times)]


def test_the_window_lets_as_many_through_as_the_limit_says_and_then_tells_the_wait() -> None:
    answers = asyncio.run(waits(OwnLimiter(), 7))

    assert answers[:5] == [0] * 5
    assert all(1 <= wait <= 60 for wait in answers[5:])


def test_each_caller_has_a_limit_of_its_own() -> None:
    limiter = OwnLimiter()

    asyncio.run(waits(limiter, 6))

    assert asyncio.run(waits(limiter, 1, "key:b")) == [0]


def test_a_limit_that_is_none_names_what_was_found() -> None:
    assert parse_limit("") is None
    for wrong in ("fast", "10", "10/fortnight", "-1/second"):
        with pytest.raises(ValueError, match="found the rate limit"):
            parse_limit(wrong)


@pytest.mark.slow
def test_workers_count_together_in_redis_and_each_for_itself_while_it_is_away(tmp_path: Path) -> None:
    import subprocess

    from tests.production_shape import end_group, redis_server
    from tests.running import wait_for
    from tests.service.real_shop import free_port

    port, now = free_port(), [0.0]

    def start() -> subprocess.Popen[bytes]:
        command = [
            redis_server(),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(tmp_path),
            "--save",
            "",
        ]
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda: answers(port), seconds=20, what="redis")
        return started

    async def watch(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        one, other = (SharedLimiter(redis=f"127.0.0.1:{port}", monotonic=lambda: now[0]) for _ in range(2))
        assert [await one.wait_s(LIMIT, "a"), await other.wait_s(LIMIT, "a")] == [0, 0]
        assert await waits(one, 3, "a") == [0, 0, 0]
        assert await other.wait_s(LIMIT, "a") >= 1, "the five of the minute were let through"

        await asyncio.to_thread(end_group, process)
        with capture_logs() as told:
            assert await waits(other, 5, "a") == [0] * 5, "for itself it has seen none yet"
            assert await other.wait_s(LIMIT, "a") >= 1
        assert len(told) == 1, "said once, not per request"

        process = await asyncio.to_thread(start)
        now[0] += REDIS_PAUSE_SECONDS
        assert await other.wait_s(LIMIT, "a") == 0, "a new Redis has counted nothing"
        await one.close()
        await other.close()
        return process

    process = start()
    try:
        process = asyncio.run(watch(process))
    finally:
        end_group(process)


def answers(port: int) -> bool:
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
