"""What asking who is asking costs a request, in microseconds of processor time and of waiting.

    python -m benchmarks.access_cost [--requests 10000] [--redis 127.0.0.1:6379]

The middleware of a protected service stands before an endpoint that does nothing: with a key, with limits in memory, with an
OIDC token and, where one is named, with limits in Redis. The median of five rounds, less what the endpoint costs alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from sqlalchemy import Engine

from benchmarks.target import Target, finish
from service.access.access import Access
from service.access.caller import parse_limit
from service.access.guard import Guard
from service.access.issuer import IssuerKeys
from service.access.key import ApiKey, new_key_text
from service.access.key_ring import KeyRing
from service.access.key_store import add_key
from service.access.rate_limit import Limiter, OwnLimiter, SharedLimiter
from service.access.scope import Scope
from service.access.token import TokenVerifier
from service.security_headers import SecurityHeaders
from service.store.engine import open_log

ISSUER = "https://login.example.com"
ROUNDS = 5
MOST_US = 100.0
"""What key, memory limit and headers may cost together: a tenth of a millisecond."""


class Cost(NamedTuple):
    """Microseconds."""

    processor: float
    waited: float


App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


async def endpoint(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answers nothing, quickly."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": b"{}"})


def make_token() -> tuple[Callable[[], TokenVerifier], str]:
    """What makes verifiers that hold their issuer's keys, and a token."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k"}
    documents = {
        f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"},
        f"{ISSUER}/jwks": {"keys": [public]},
    }
    keys = IssuerKeys(issuer=ISSUER, fetch=lambda url: as_bytes(documents[url]), monotonic=time.monotonic)
    claims = {"iss": ISSUER, "aud": "gardoon", "sub": "s", "scope": "decide", "exp": int(time.time()) + 3600}
    token = jwt.encode(claims, key, "RS256", headers={"kid": "k"})
    return partial(TokenVerifier, keys=keys, audience="gardoon"), token


async def first_time(tokens: Callable[[], TokenVerifier], token: str, requests: int) -> Cost:
    """What a token takes that was not seen before."""
    verifiers = [tokens() for _ in range(requests)]
    started = Cost(time.process_time(), time.perf_counter())
    for verifier in verifiers:
        await verifier.verify(token)
    ended = Cost(time.process_time(), time.perf_counter())
    return Cost(*((b - a) / requests * 1e6 for a, b in zip(started, ended, strict=True)))


def as_bytes(document: object) -> bytes:
    """The document as a server sends it."""
    import json

    return json.dumps(document).encode()


def make_ring(engine: Engine) -> tuple[KeyRing, str]:
    """A ring with one key, and that key."""
    text = new_key_text(os.urandom)
    now = datetime.now(UTC)
    scopes = frozenset({Scope.DECIDE})
    with engine.begin() as connection:
        add_key(
            connection,
            ApiKey(key_id=text.key_id, label="b", digest=text.digest, scopes=scopes, created_at=now),
        )
    ring = KeyRing(
        engine=engine, refresh_seconds=3600, clock=lambda: datetime.now(UTC), monotonic=time.monotonic
    )
    ring.refresh()
    return ring, str(text)


def protect(
    ring: KeyRing, tokens: TokenVerifier | None, limiter: Limiter, limit: str
) -> tuple[App, SimpleNamespace]:
    """The middleware before the endpoint, and what the scope must name as its application."""
    access = Access(
        keys=ring, tokens=tokens, limiter=limiter, default_limit=parse_limit(limit), page_limits={}
    )
    state = SimpleNamespace(state=SimpleNamespace(gardoon=SimpleNamespace(access=access)))
    return SecurityHeaders(Guard(endpoint), pages={}), state


async def microseconds(app: App, host: SimpleNamespace | None, credential: str, requests: int) -> Cost:
    """What one request takes, the median of the rounds."""
    headers = [(b"host", b"x"), (b"content-type", b"application/json")]
    headers.append((b"authorization", f"Bearer {credential}".encode()))
    statuses: set[int] = set()

    async def send(message: dict[str, Any]) -> None:
        statuses.add(message.get("status", 200))

    rounds = []
    for _ in range(ROUNDS):
        started = Cost(time.process_time(), time.perf_counter())
        for _ in range(requests):
            scope = {"type": "http", "method": "POST", "path": "/v1/decide", "headers": headers, "app": host}
            await app(scope, None, send)
        ended = Cost(time.process_time(), time.perf_counter())
        rounds.append([(b - a) / requests * 1e6 for a, b in zip(started, ended, strict=True)])
    assert statuses == {200}, statuses
    return Cost(*map(statistics.median, zip(*rounds, strict=True)))


async def measure(requests: int, redis: str, folder: Path) -> dict[str, Cost]:
    """What each way costs beyond the endpoint alone."""
    engine = open_log(f"sqlite:///{folder / 'log.db'}")
    ring, key = make_ring(engine)
    tokens, token = make_token()
    enough = (
        "60000/minute"  # more than all rounds need, so the window is as long as it is at a thousand a second
    )
    ways: dict[str, tuple[TokenVerifier | None, Limiter, str, str]] = {
        "key": (None, OwnLimiter(), "", key),
        "key, limit in memory": (None, OwnLimiter(), enough, key),
        "token": (tokens(), OwnLimiter(), "", token),
    }
    if redis:
        ways["key, limit in Redis"] = (
            None,
            SharedLimiter(redis=redis, monotonic=time.monotonic),
            enough,
            key,
        )
    alone = await microseconds(endpoint, None, key, requests)
    found = {}
    for name, (verifier, limiter, limit, credential) in ways.items():
        app, host = protect(ring, verifier, limiter, limit)
        count = requests if "Redis" not in name and "token" not in name else max(1, requests // 10)
        cost = await microseconds(app, host, credential, count)
        found[name] = Cost(cost.processor - alone.processor, cost.waited - alone.waited)
        await limiter.close()
    await tokens().verify(token)  # has the keys fetched
    found["token seen for the first time"] = await first_time(tokens, token, max(1, requests // 10))
    engine.dispose()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--redis", default="", help="host:port of a Redis to count in too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(options.requests, options.redis, Path(folder)))
    for name, cost in found.items():
        print(f"{name}: {cost.processor:.1f} us of processor time, {cost.waited:.1f} us waited")
    measured = found["key, limit in memory"].processor
    finish([Target("key, limit in memory, headers, us of processor time", measured, "at most", MOST_US)])


if __name__ == "__main__":
    main()
