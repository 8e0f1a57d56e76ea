"""The same request twice: a caller's key makes a retry get the first answer instead of a second effect.

What did something is remembered with what it did, for a time that `Settings` says. A refusal did nothing and an error did
not end well, so neither is remembered: the key stays free. Within a worker a key in use is told as such; two workers that
get the same key at the same moment both decide, one commits, and both answer what it committed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from service.deciding import decide_and_log
from service.errors import KeyInUseError, KeyReusedError
from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.stages import Stages
from service.state import State
from service.store.decision_log import read_record
from service.store.key_log import KeyClaim, KeyTakenError, find_result, keep_result
from service.time_limit import TimeLimit

ATTEMPTS = 4


def make_claim(gardoon: State, scope: str, key: str, purpose: str, body: Any) -> KeyClaim:
    """The claim of a key for a request: `purpose` says what is asked, `body` is its JSON value."""
    return KeyClaim(
        scope=scope,
        key=key,
        fingerprint=fingerprint(purpose, body),
        claimed_at=gardoon.clock(),
        kept=timedelta(hours=gardoon.settings.idempotency_hours),
    )


def fingerprint(purpose: str, body: Any) -> str:
    """A digest of what is asked: equal for bodies of the same content, however they are spaced and ordered.

    >>> fingerprint("decide", {"a": 1, "b": 2}) == fingerprint("decide", {"b": 2, "a": 1})
    True
    """
    content = json.dumps([purpose, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


class Decided(NamedTuple):
    """The bytes of an answer, whether they were given before under its key, and what took how long where they were not."""

    content: bytes
    replayed: bool
    stages: Stages | None


async def decide_once(gardoon: State, request: DecideRequest, claim: KeyClaim | None) -> Decided:
    """The answer to a request, the first one given under the claim's key.

    A dry run leaves its key free: it writes nothing.

    Raises: what `decide_and_log` does; `KeyInUseError`; `KeyReusedError`.
    """
    limit = TimeLimit(time.monotonic(), request.timeout_ms)
    if claim is None:
        return _decided(*await decide_and_log(gardoon, request, limit))
    with gardoon.keys.using(claim):
        for attempt in range(ATTEMPTS):
            if attempt > 0 or not claim.found_free:
                async with limit.kept():
                    known = await asyncio.to_thread(_kept_answer, gardoon, claim)
                if known is not None:
                    return Decided(known, True, None)
            with suppress(KeyTakenError):
                return _decided(*await decide_and_log(gardoon, request, limit, claim))
    raise KeyInUseError(f"Idempotency-Key {claim.key!r} was taken and given back {ATTEMPTS} times")


def _decided(record: DecisionRecord, stages: Stages) -> Decided:
    return Decided(record.answer.encode(), False, stages)


async def answer_once(
    gardoon: State, claim: KeyClaim | None, answer: Callable[[], Awaitable[bytes]]
) -> tuple[bytes, bool]:
    """The bytes of what `answer` returns, and whether they were given before under the claim's key.

    For acts that have no second effect of their own: a process that dies between act and answer lets the retry act again.
    Raises: what `answer` does; `KeyInUseError`; `KeyReusedError`.
    """
    if claim is None:
        return await answer(), False
    with gardoon.keys.using(claim):
        known = await asyncio.to_thread(_kept_answer, gardoon, claim)
        if known is not None:
            return known, True
        content = await answer()
        if await asyncio.to_thread(keep_result, gardoon.engine, claim, content):
            return content, False
        known = await asyncio.to_thread(_kept_answer, gardoon, claim)
        return content if known is None else known, known is not None


def _kept_answer(gardoon: State, claim: KeyClaim) -> bytes | None:
    """What was answered under the key. Raises `KeyReusedError` when that was to another request."""
    found = find_result(gardoon.engine, claim)
    if found is None:
        return None
    if found.fingerprint != claim.fingerprint:
        raise KeyReusedError(f"Idempotency-Key {claim.key!r} was used for another request")
    if found.decision_id is not None:
        return read_record(gardoon.engine, found.decision_id).answer.encode()
    return found.content
