"""The keys as a worker knows them: fresh within a second, no database read per request, closed when they are too old."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from service.access.key import ApiKey, new_key_text
from service.access.key_ring import GRACE_SECONDS, KeyRing
from service.access.key_store import UnknownKeyError, add_key, put_key, read_key, read_keys, revoke
from service.access.scope import Scope
from service.errors import AccessUnavailableError, UnauthenticatedError
from service.store.tables import api_keys
from tests.service.access.callers import made_key
from tests.service.conftest import NOW, Clock


@dataclass
class Monotonic:
    """The tests' other clock, in seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ring:
    """A ring and the clocks that a test turns."""

    keys: KeyRing
    clock: Clock
    monotonic: Monotonic


@pytest.fixture
def ring(engine: Engine) -> Ring:
    """A ring that reads its keys every second."""
    clock, monotonic = Clock(), Monotonic()
    return Ring(
        KeyRing(engine=engine, refresh_seconds=1.0, clock=clock, monotonic=monotonic), clock, monotonic
    )


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """The SQL that reaches the database meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def keep(engine: Engine, key: ApiKey) -> None:
    with engine.begin() as connection:
        add_key(connection, key)


def replace(engine: Engine, key: ApiKey) -> None:
    with engine.begin() as connection:
        put_key(connection, key)


def test_a_kept_key_is_read_back_as_it_was(engine: Engine) -> None:
    key, _ = made_key(
        Scope.DECIDE, Scope.READ, rate_limit="5/second", expires_at=NOW + timedelta(days=1), last_used_at=NOW
    )
    rotated = key.rotated(new_key_text(os.urandom, key.key_id).digest, NOW, timedelta(hours=1))

    keep(engine, key)
    replace(engine, rotated)

    with engine.begin() as connection:
        assert read_keys(connection) == [rotated]
        assert read_key(connection, key.key_id) == rotated
        with pytest.raises(UnknownKeyError, match="nobody"):
            read_key(connection, "nobody")


def test_a_revoked_key_stops_working_with_the_next_read(engine: Engine, ring: Ring) -> None:
    key, text = made_key(Scope.DECIDE)
    keep(engine, key)
    ring.keys.refresh()
    assert ring.keys.find(str(text)).identity == f"key:{key.key_id}"

    replace(engine, revoke(key, NOW))
    ring.keys.refresh()

    with pytest.raises(UnauthenticatedError, match="revoked"):
        ring.keys.find(str(text))
    assert ring.keys.in_use, "revoking the last key must not open the service"


def test_a_key_stops_working_the_moment_it_expires(engine: Engine, ring: Ring) -> None:
    key, text = made_key(Scope.DECIDE, expires_at=NOW + timedelta(hours=1))
    keep(engine, key)
    ring.keys.refresh()
    ring.clock.advance(minutes=59)
    assert ring.keys.find(str(text)).scopes == {Scope.DECIDE}

    ring.clock.advance(minutes=1)

    with pytest.raises(UnauthenticatedError, match="expired"):
        ring.keys.find(str(text))


def test_a_scope_of_a_newer_version_grants_nothing_and_hinders_no_other_key(
    engine: Engine, ring: Ring
) -> None:
    newer, text = made_key(Scope.DECIDE)
    plain, other = made_key(Scope.READ)
    keep(engine, newer)
    keep(engine, plain)
    with engine.begin() as connection:
        connection.execute(
            api_keys.update().where(api_keys.c.key_id == newer.key_id).values(scopes="decide paint")
        )

    ring.keys.refresh()

    assert ring.keys.find(str(text)).scopes == {Scope.DECIDE}
    assert ring.keys.find(str(other)).scopes == {Scope.READ}


def test_a_wrong_secret_is_told_no_more_than_an_unknown_key(engine: Engine, ring: Ring) -> None:
    key, _ = made_key(Scope.DECIDE)
    keep(engine, revoke(key, NOW))
    ring.keys.refresh()

    said = set()
    for wrong in (new_key_text(os.urandom, key.key_id), new_key_text(os.urandom), "gdn_nonsense"):
        with pytest.raises(UnauthenticatedError) as refused:
            ring.keys.find(str(wrong))
        said.add(refused.value.detail)

    assert said == {"the API key is unknown or its secret is wrong"}


def test_finding_a_caller_reads_no_database(engine: Engine, ring: Ring) -> None:
    key, text = made_key(Scope.DECIDE)
    keep(engine, key)
    ring.keys.refresh()

    with counted_statements(engine) as seen:
        for _ in range(100):
            ring.keys.find(str(text))

    assert seen == []


def test_the_last_use_is_noted_to_the_minute_and_not_per_request(engine: Engine, ring: Ring) -> None:
    key, text = made_key(Scope.DECIDE)
    keep(engine, key)
    ring.keys.refresh()

    with counted_statements(engine) as seen:
        for _ in range(90):  # a request and a read of the keys a second, for a minute and a half
            ring.keys.find(str(text))
            ring.keys.refresh()
            ring.clock.advance(seconds=1)

    assert sum(statement.startswith("UPDATE") for statement in seen) == 2
    with engine.begin() as connection:
        assert read_key(connection, key.key_id).last_used_at == NOW + timedelta(minutes=1)


def test_keys_that_could_not_be_read_for_long_are_trusted_no_longer(engine: Engine, ring: Ring) -> None:
    key, text = made_key(Scope.DECIDE)
    keep(engine, key)
    ring.keys.refresh()
    ring.monotonic.now += GRACE_SECONDS + 1.0
    assert ring.keys.find(str(text))

    ring.monotonic.now += 0.1

    with pytest.raises(AccessUnavailableError):
        ring.keys.find(str(text))
