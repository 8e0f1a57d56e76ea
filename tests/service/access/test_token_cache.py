"""Verified tokens are remembered until they expire or the issuer's keys change."""

from __future__ import annotations

from service.access.caller import Caller
from service.access.scope import Scope
from service.access.token_cache import MOST_TOKENS, TokenCache

CALLER = Caller(identity="oidc:planner", scopes=frozenset({Scope.DECIDE}))


def test_a_token_is_known_until_it_expires_and_only_to_the_keys_that_verified_it() -> None:
    cache = TokenCache()

    cache.put("token", CALLER, 3, until=100.0)

    assert cache.find("token", 3, 99.9) is CALLER
    assert cache.find("token", 3, 100.0) is None
    assert cache.find("token", 4, 0.0) is None
    assert cache.find("another", 3, 0.0) is None


def test_no_more_than_so_many_tokens_are_kept_and_none_in_clear() -> None:
    cache = TokenCache()

    for number in range(MOST_TOKENS + 1):
        cache.put(f"token-{number}", CALLER, 1, until=100.0)

    assert cache.find("token-0", 1, 0.0) is None
    assert cache.find(f"token-{MOST_TOKENS}", 1, 0.0) is CALLER
    assert "token-" not in repr(vars(cache))
