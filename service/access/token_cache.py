"""Tokens that were verified already: a caller brings the same one for minutes, and its signature is what costs."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from service.access.caller import Caller

MOST_TOKENS = 4096
"""More than so many are forgotten together: a worker's memory is not the callers' to fill."""


@dataclass(frozen=True)
class _Verified:
    caller: Caller
    generation: int
    until: float


class TokenCache:
    """Callers by the hash of their token, good until it expires and as long as the issuer's keys are the same."""

    def __init__(self) -> None:
        self._verified: dict[bytes, _Verified] = {}

    def find(self, token: str, generation: int, now: float) -> Caller | None:
        """The caller of a token that keys of this generation verified and that has not expired; `now` in Unix seconds."""
        found = self._verified.get(_digest(token))
        if found is None or found.generation != generation or now >= found.until:
            return None
        return found.caller

    def put(self, token: str, caller: Caller, generation: int, until: float) -> None:
        """Remember a verified token until it expires."""
        if len(self._verified) >= MOST_TOKENS:
            self._verified.clear()
        self._verified[_digest(token)] = _Verified(caller, generation, until)


def _digest(token: str) -> bytes:
    return blake2b(token.encode(), digest_size=32).digest()
