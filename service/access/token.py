"""Bearer tokens of an OIDC issuer (JWT, RFC 7519): verified by PyJWT with the issuer's public keys."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import jwt

from service.access.caller import Caller
from service.access.issuer import IssuerKeys
from service.access.scope import Scope
from service.access.token_cache import TokenCache
from service.errors import UnauthenticatedError

ALGORITHMS = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in ("256", "384", "512")
) | {"EdDSA"}
"""Public-key signatures only: no `none`, and no HMAC, which would make of the issuer's public key a secret."""
LEEWAY_SECONDS = 30
_NAMES = frozenset(scope.value for scope in Scope)


class TokenVerifier:
    """Makes a caller of a token that the issuer signed for us.

    audience: what `aud` must name; scope_claim: where the scopes are, `scope` or `scp` where it is empty; scope_prefix: what
    stands before our scopes' names there, "gardoon:" for example.
    """

    def __init__(
        self, *, keys: IssuerKeys, audience: str, scope_claim: str = "", scope_prefix: str = ""
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._claims = (scope_claim,) if scope_claim else ("scope", "scp")
        self._prefix = scope_prefix
        self._cache = TokenCache()

    async def verify(self, token: str) -> Caller:
        """Who the token says is asking.

        Raises: `UnauthenticatedError`, or `AccessUnavailableError` when the issuer's keys cannot be had.
        """
        generation = await self._keys.generation()
        known = self._cache.find(token, generation, time.time())
        if known is not None:
            return known
        claims = await self._claims_of(token)
        caller = Caller(identity=_identity(claims["sub"]), scopes=self._scopes(claims))
        self._cache.put(token, caller, generation, float(claims["exp"]))
        return caller

    async def _claims_of(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.find(*_key_of(header))
            if key is None:
                raise UnauthenticatedError("the token is signed with a key that the issuer does not publish")
            return jwt.decode(
                token,
                key,
                algorithms=sorted(ALGORITHMS),
                audience=self._audience,
                issuer=self._keys.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "exp", "sub"], "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as error:
            raise UnauthenticatedError(f"the token is not accepted: {error}") from error

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        found = next((claims[name] for name in self._claims if name in claims), "")
        names = found.split() if isinstance(found, str) else found
        if not isinstance(names, list):
            return frozenset()
        own = {str(name).removeprefix(self._prefix) for name in names if str(name).startswith(self._prefix)}
        return frozenset(Scope(name) for name in own & _NAMES)


def _identity(subject: str) -> str:
    """At most 64 characters: a longer subject is named by its hash."""
    short = subject if len(subject) <= 58 else f"~{blake2b(subject.encode(), digest_size=16).hexdigest()}"
    return f"oidc:{short}"


def _key_of(header: Mapping[str, Any]) -> tuple[str | None, str]:
    """The id of the key and the algorithm that the header names. Raises `UnauthenticatedError` unless it is one of ours."""
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise UnauthenticatedError(
            f"found a token signed with {algorithm!r}; wanted one of {sorted(ALGORITHMS)}"
        )
    return (None if key_id is None else str(key_id)), algorithm
