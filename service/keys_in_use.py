"""Which idempotency keys this worker is answering right now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import KeyInUseError
from service.store.key_log import KeyClaim


class KeysInUse:
    """The keys whose requests this worker is answering."""

    def __init__(self) -> None:
        self._names: set[tuple[str, str]] = set()

    @contextmanager
    def using(self, claim: KeyClaim) -> Iterator[None]:
        """Hold the key until the request is answered. Raises `KeyInUseError` while another request holds it."""
        if claim.name in self._names:
            raise KeyInUseError(f"the request with Idempotency-Key {claim.key!r} is still being answered")
        self._names.add(claim.name)
        try:
            yield
        finally:
            self._names.discard(claim.name)
