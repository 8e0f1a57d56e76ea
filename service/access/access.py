"""Lets a request in or says why not: who asks, whether it may, and whether it asks too often."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from limits import RateLimitItem
from sqlalchemy import Engine

from service.access.caller import KEY_IDENTITY, Caller, parse_limit
from service.access.issuer import IssuerKeys, check_address, fetch
from service.access.key import PREFIX
from service.access.key_ring import KeyRing
from service.access.rate_limit import Limiter, OwnLimiter, SharedLimiter, policy_of
from service.access.scope import OPEN, ScopeTable
from service.access.token import TokenVerifier
from service.errors import ScopeError, TooManyRequestsError, UnauthenticatedError
from service.settings import Settings

KEY_HEADER = b"ocp-apim-subscription-key"
"""Where clients of Azure Personalizer put their key."""
Counted = Literal["login", "wheel-address", "wheel"]
"""What is counted of pages that are open to whoever reaches them."""


class Access:
    """What a worker knows of callers; open to everyone until a key was created or an issuer is set."""

    def __init__(
        self,
        *,
        keys: KeyRing,
        tokens: TokenVerifier | None,
        limiter: Limiter,
        default_limit: RateLimitItem | None,
        page_limits: Mapping[Counted, RateLimitItem | None],
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._limiter = limiter
        self._default_limit = default_limit
        self._page_limits = page_limits
        self._endpoints = ScopeTable()

    @property
    def protected(self) -> bool:
        """Whether every request needs a caller."""
        return self._tokens is not None or self._keys.in_use

    def refresh(self) -> None:
        """Read the keys now."""
        self._keys.refresh()

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        await self._keys.run()

    async def close(self) -> None:
        """Let go of what is open."""
        await self._limiter.close()

    async def admit(
        self, method: str, path: str, headers: Mapping[bytes, bytes], session: Caller | None = None
    ) -> Caller | None:
        """Who asks, the caller of a console's session if there is one; None at an open endpoint.

        Raises: the `ServiceError` that says why the request is not let in.
        """
        scope = self._endpoints.find(method, path)
        if scope is OPEN:
            return None
        caller = self._still(session) if session else await self.identify(find_credential(headers))
        if scope not in caller.scopes:
            raise ScopeError(scope, caller.scopes)
        limit = caller.limit or self._default_limit
        if limit is not None:
            await self._count(limit, "caller", caller.identity)
        return caller

    async def count(self, counted: Counted, whose: str) -> None:
        """Let a request to an open page through, and count it; `whose`: of which address or wheel.

        Raises: `TooManyRequestsError`.
        """
        limit = self._page_limits[counted]
        if limit is not None:
            await self._count(limit, counted, f"{counted}:{whose}")

    async def _count(self, limit: RateLimitItem, counted: str, identity: str) -> None:
        wait_s = await self._limiter.wait_s(limit, identity)
        if wait_s:
            policy = policy_of(limit, counted)
            raise TooManyRequestsError(
                f"more than {limit}", counted=counted, policy=policy, retry_after_s=wait_s
            )

    async def identify(self, credential: str) -> Caller:
        """Whose API key or token this is. Raises the `ServiceError` that says why it is not accepted."""
        if credential.startswith(PREFIX):
            return self._keys.find(credential)
        if self._tokens is None:
            raise UnauthenticatedError(
                "found a credential that is no API key; wanted Authorization: Bearer gdn_..."
            )
        return await self._tokens.verify(credential)

    def _still(self, session: Caller) -> Caller:
        """The caller as it stands now: a key that was revoked since the login lets nobody in."""
        kind, _, name = session.identity.partition(":")
        if kind == KEY_IDENTITY:
            return self._keys.recall(name)
        if self._tokens is None:
            raise UnauthenticatedError("the session is of an OIDC issuer, and none is set any more")
        return session


def find_credential(headers: Mapping[bytes, bytes]) -> str:
    """The API key or token of a request.

    It stands in `Authorization: Bearer`, in Basic's user name (as Segment's clients send it) or in the header that
    Personalizer's clients send.

    Raises: `UnauthenticatedError` when there is none.
    """
    kind, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    value = value.strip()
    if kind.lower() == "bearer" and value:
        return value
    if kind.lower() == "basic" and value:
        try:
            return base64.b64decode(value, validate=True).decode("latin-1").partition(":")[0]
        except binascii.Error as error:
            raise UnauthenticatedError("found Authorization: Basic without Base64") from error
    if KEY_HEADER in headers:
        return headers[KEY_HEADER].decode("latin-1")
    raise UnauthenticatedError("found no API key or token; wanted the header Authorization: Bearer ...")


def build_access(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Access:
    """The worker's access on the real parts. Raises `ValueError` when a setting is not what it must be."""
    redis = settings.rate_limit_redis
    return Access(
        keys=KeyRing(
            engine=engine, refresh_seconds=settings.access_seconds, clock=clock, monotonic=time.monotonic
        ),
        tokens=_token_verifier(settings),
        limiter=SharedLimiter(redis=redis, monotonic=time.monotonic) if redis else OwnLimiter(),
        default_limit=parse_limit(settings.rate_limit),
        page_limits={
            "login": parse_limit(settings.login_limit),
            "wheel-address": parse_limit(settings.wheel_address_limit),
            "wheel": parse_limit(settings.wheel_limit),
        },
    )


def _token_verifier(settings: Settings) -> TokenVerifier | None:
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience:
        raise ValueError(
            "GARDOON_OIDC_ISSUER is set; GARDOON_OIDC_AUDIENCE must be too: what tokens name in `aud`"
        )
    check_address(settings.oidc_issuer)
    return TokenVerifier(
        keys=IssuerKeys(issuer=settings.oidc_issuer, fetch=fetch, monotonic=time.monotonic),
        audience=settings.oidc_audience,
        scope_claim=settings.oidc_scope_claim,
        scope_prefix=settings.oidc_scope_prefix,
    )
