"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass

from limits import RateLimitItem, parse

from service.access.scope import Scope

KEY_IDENTITY = "key"
"""What the identity of an API key's holder begins with."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A caller that proved who it is.

    identity: `key:ID` or `oidc:SUBJECT`, what limits, idempotency keys and the audit log know it by; limit: how often it may
    ask, None where the default holds.
    """

    identity: str
    scopes: frozenset[Scope]
    limit: RateLimitItem | None = None


def parse_limit(text: str) -> RateLimitItem | None:
    """A rate limit as "50/second" or "6000/minute"; none of an empty text.

    >>> str(parse_limit("50/second"))
    '50 per 1 second'

    Raises: `ValueError` when it is something else.
    """
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"found the rate limit {text!r}; wanted one such as '50/second'") from error
