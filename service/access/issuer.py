"""The signing keys of an OIDC issuer: from its discovery document, cached, and fetched again no oftener than allowed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import structlog
from jwt import PyJWK, PyJWTError

from service.access.exposure import is_loopback
from service.errors import AccessUnavailableError

FRESH_SECONDS = 600.0
"""Keys older than this are fetched again: one that the issuer withdrew is honoured no longer."""
USABLE_SECONDS = 3600.0
"""While the issuer does not answer, keys are used until they are this old."""
PAUSE_SECONDS = 30.0
"""The pause between two fetches, whatever tokens come with unknown key ids or however the last fetch ended."""
TIMEOUT_SECONDS = 5.0
LARGEST_BYTES = 1_000_000
_logger = structlog.get_logger()


class IssuerDocumentError(ValueError):
    """What the issuer answered is not what it must be."""


class IssuerKeys:
    """The public keys with which the issuer signs. `fetch` reads a URL, `monotonic` tells the time in seconds."""

    def __init__(
        self,
        *,
        issuer: str,
        fetch: Callable[[str], bytes],
        monotonic: Callable[[], float],
    ) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, dict[str, Any]] = {}
        self._built: dict[tuple[str, str], PyJWK] = {}
        self._generation = 0
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def generation(self) -> int:
        """The number of the fetch whose keys hold now, after another one when they are no longer fresh.

        Raises: `AccessUnavailableError` when the issuer has not answered for too long.
        """
        usable = self._age() <= USABLE_SECONDS
        if self._age() > FRESH_SECONDS and not (
            usable and self._fetching.locked()
        ):  # one fetches, others go on
            await self._fetch_if_allowed()
        if self._age() > USABLE_SECONDS:
            raise AccessUnavailableError("the OIDC issuer does not answer")
        return self._generation

    async def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """The key of this id for this algorithm; without an id the only key there is; None where there is no such key."""
        if key_id is not None and key_id not in self._keys:
            await self._fetch_if_allowed()
        if key_id is None and len(self._keys) == 1:
            (key_id,) = self._keys
        return self._build(key_id, algorithm) if key_id in self._keys else None

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _build(self, key_id: str, algorithm: str) -> PyJWK | None:
        declared = self._keys[key_id].get("alg", algorithm)
        if (key_id, algorithm) not in self._built and declared == algorithm:
            try:
                self._built[key_id, algorithm] = PyJWK(self._keys[key_id], algorithm)
            except PyJWTError:  # of another type than the algorithm needs
                return None
        return self._built.get((key_id, algorithm))

    async def _fetch_if_allowed(self) -> None:
        async with self._fetching:
            if self._monotonic() - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = self._monotonic()
            try:
                self._keys = await asyncio.to_thread(self._read_keys)
            except (OSError, ValueError) as error:
                _logger.error(
                    "the OIDC issuer's keys were not fetched", reason=f"{type(error).__name__}: {error}"
                )
                return
            self._built = {}
            self._generation += 1
            self._fetched_at = self._monotonic()

    def _read_keys(self) -> dict[str, dict[str, Any]]:
        discovery = _object(self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"))
        if discovery.get("issuer") != self.issuer:
            raise IssuerDocumentError(f"found the issuer {discovery.get('issuer')!r}; wanted {self.issuer!r}")
        address = str(discovery.get("jwks_uri", ""))
        check_address(address)
        keys = _object(self._fetch(address)).get("keys")
        if not isinstance(keys, list):
            raise IssuerDocumentError("found no list of keys where jwks_uri points")
        return {str(key.get("kid", "")): key for key in keys if isinstance(key, dict) and _signs(key)}


def _object(content: bytes) -> dict[str, Any]:
    found = json.loads(content)
    if not isinstance(found, dict):
        raise IssuerDocumentError(f"found a JSON {type(found).__name__}; wanted an object")
    return found


def _signs(key: dict[str, Any]) -> bool:
    """A symmetric key in a public document is no key at all."""
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def check_address(address: str) -> None:
    """Raises `IssuerDocumentError` unless the address is https, or http on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    raise IssuerDocumentError(f"found the address {address!r}; wanted https (or http on this machine)")


def fetch(address: str) -> bytes:
    """What the address answers. Raises `OSError` when it does not, `IssuerDocumentError` when it is too much."""
    request = Request(address, headers={"accept": "application/json"})
    with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        content: bytes = response.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise IssuerDocumentError(f"{address} answers more than {LARGEST_BYTES} bytes")
    return content
