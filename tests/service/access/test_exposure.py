"""Where an unprotected service may listen."""

from __future__ import annotations

import pytest

from service.access.exposure import IN_SO_MANY_WORDS, ExposedError, check_exposure, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_alone_may_always_be_answered(host: str) -> None:
    assert is_loopback(host)
    check_exposure(host, protected=False, unprotected="")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "host.invalid"])
def test_any_other_address_is_refused_until_protected_or_told_in_so_many_words(host: str) -> None:
    for unprotected in ("", "yes", "1", "true", IN_SO_MANY_WORDS.upper()):
        with pytest.raises(ExposedError, match="refusing to listen"):
            check_exposure(host, protected=False, unprotected=unprotected)

    check_exposure(host, protected=True, unprotected="")
    check_exposure(host, protected=False, unprotected=IN_SO_MANY_WORDS)


def test_the_refusal_says_every_way_out() -> None:
    with pytest.raises(ExposedError) as refused:
        check_exposure("0.0.0.0", protected=False, unprotected="")

    for way in ("service keys create", "GARDOON_OIDC_ISSUER", f"GARDOON_UNPROTECTED={IN_SO_MANY_WORDS}"):
        assert way in str(refused.value)
