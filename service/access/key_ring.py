"""The API keys as a worker knows them: read every second or so, so that a request reads no database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from service.access.caller import KEY_IDENTITY, Caller, parse_limit
from service.access.key import ApiKey, parse_key_text
from service.access.key_store import note_use, read_keys
from service.errors import AccessUnavailableError, UnauthenticatedError

GRACE_SECONDS = 60.0
"""How long keys are honoured as last read while the database does not answer."""
USE_PRECISION = timedelta(minutes=1)
"""How exactly the last use of a key is noted: at most one write a key, worker and minute."""
_WRONG = "the API key is unknown or its secret is wrong"
_logger = structlog.get_logger()


@dataclass(frozen=True)
class _Held:
    key: ApiKey
    caller: Caller


class KeyRing:
    """Knows every key as of the last read; `clock` tells expiry, `monotonic` (seconds) the age of what was read.

    A revoked key stops working with the next read, `refresh_seconds` later at most, and so does a new one begin.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        refresh_seconds: float,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._held: dict[str, _Held] = {}
        self._used: dict[str, datetime] = {}
        self._read_at = float("-inf")

    @property
    def in_use(self) -> bool:
        """Whether a key was ever created; revoking the last one does not open the service."""
        return bool(self._held)

    def find(self, text: str) -> Caller:
        """The caller whose key this is.

        Raises: `UnauthenticatedError`, or `AccessUnavailableError` when the keys were not read for too long to trust them.
        """
        self._check_age()
        found = parse_key_text(text)
        held = self._held.get(found.key_id) if found else None
        if found is None or held is None:
            raise UnauthenticatedError(_WRONG)
        if not held.key.accepts(found.digest, self._clock()):
            raise UnauthenticatedError(_WRONG)
        return self._honoured(held)

    def recall(self, key_id: str) -> Caller:
        """The caller with the key of this id, who showed it before. Raises what `find` does."""
        self._check_age()
        held = self._held.get(key_id)
        if held is None:
            raise UnauthenticatedError(_WRONG)
        return self._honoured(held)

    def _check_age(self) -> None:
        if self._monotonic() - self._read_at > self._refresh_seconds + GRACE_SECONDS:
            raise AccessUnavailableError("the API keys could not be read for a while")

    def _honoured(self, held: _Held) -> Caller:
        now = self._clock()
        fault = held.key.fault(now)
        if fault:
            raise UnauthenticatedError(fault)
        self._used[held.key.key_id] = now
        return held.caller

    async def run(self) -> None:
        """Read the keys again and again until cancelled."""
        while True:
            await asyncio.sleep(self._refresh_seconds)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception as error:  # noqa: BLE001 - a worker must outlive a database that is away
                _logger.error("API keys not read", reason=type(error).__name__)

    def refresh(self) -> None:
        """Read the keys, and note the last use of those used since it was last noted."""
        read_at = self._monotonic()
        with self._engine.connect() as connection:
            keys = read_keys(connection)
        self._held = {key.key_id: _Held(key, _caller(key)) for key in keys}
        self._read_at = read_at
        due = {key.key_id: self._used[key.key_id] for key in keys if self._is_due(key)}
        if due:
            with self._engine.begin() as connection:
                note_use(connection, due)

    def _is_due(self, key: ApiKey) -> bool:
        used = self._used.get(key.key_id)
        return used is not None and (key.last_used_at is None or used - key.last_used_at >= USE_PRECISION)


def _caller(key: ApiKey) -> Caller:
    return Caller(
        identity=f"{KEY_IDENTITY}:{key.key_id}", scopes=key.scopes, limit=parse_limit(key.rate_limit)
    )
