"""What is sealed opens here, for its purpose and its time, and nowhere else."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.coupons.key import CouponKey
from service.coupons.key_file import add_key, read_or_create_keys, revoke_key
from service.coupons.key_ring import CouponKeys
from service.sealed import UnsealedError, seal, unseal
from tests.service.conftest import KEY, NOW

LATER = NOW + timedelta(minutes=15)
OTHER = CouponKey(b"another secret of them, 32 bytes", NOW)


@pytest.fixture
def keys(tmp_path: Path) -> CouponKeys:
    path = tmp_path / "coupon_keys.json"
    read_or_create_keys(path, KEY)
    return CouponKeys(path=path, look_seconds=0, clock=lambda: NOW, monotonic=time.monotonic)


def test_what_was_sealed_comes_back(keys: CouponKeys) -> None:
    text = seal(keys.current, "wheel", {"customer_id": "مشتری ۱"}, now=NOW, until=LATER)

    assert unseal(keys, "wheel", text, now=NOW) == {"customer_id": "مشتری ۱"}


@pytest.mark.parametrize(("purpose", "at"), [("session", NOW), ("wheel", LATER)])
def test_for_another_purpose_or_too_late_it_stays_closed(
    keys: CouponKeys, purpose: str, at: datetime
) -> None:
    text = seal(keys.current, "wheel", {}, now=NOW, until=LATER)

    with pytest.raises(UnsealedError):
        unseal(keys, purpose, text, now=at)


@pytest.mark.parametrize("text", ["", "nonsense", "ناخوانا", "gAAAA" + "A" * 100])
def test_what_was_not_sealed_here_stays_closed(keys: CouponKeys, text: str) -> None:
    with pytest.raises(UnsealedError):
        unseal(keys, "wheel", text, now=NOW)


def test_a_rotation_keeps_what_was_sealed_and_a_revocation_ends_it(keys: CouponKeys, tmp_path: Path) -> None:
    text = seal(keys.current, "wheel", {"a": 1}, now=NOW, until=LATER)
    path = tmp_path / "coupon_keys.json"

    add_key(path, OTHER)
    assert unseal(keys, "wheel", text, now=NOW) == {"a": 1}
    revoke_key(path, KEY.key_id, NOW)
    with pytest.raises(UnsealedError):
        unseal(keys, "wheel", text, now=NOW)
