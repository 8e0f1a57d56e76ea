"""The keys as a worker knows them: a rotation is noticed without a restart, a damaged file changes nothing."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from service.coupons.key import CouponKey, CouponKeyError
from service.coupons.key_file import add_key, read_keys, revoke_key
from service.coupons.key_ring import CouponKeys, open_coupon_keys
from service.settings import Settings
from tests.service.conftest import NOW, Clock

FIRST, SECOND = CouponKey(b"1" * 32, NOW), CouponKey(b"2" * 32, NOW + timedelta(hours=1))


@dataclass
class Seconds:
    """Seconds that pass when the test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def follow(path: Path, clock: Clock, seconds: Seconds) -> CouponKeys:
    return CouponKeys(path=path, look_seconds=1.0, clock=clock, monotonic=seconds)


def test_a_rotation_is_noticed_within_a_second_and_old_keys_are_still_found(tmp_path: Path) -> None:
    path, clock, seconds = tmp_path / "coupon_keys.json", Clock(), Seconds()
    add_key(path, FIRST)
    keys = follow(path, clock, seconds)

    third = CouponKey(b"3" * 32, NOW)
    add_key(path, third)
    before = keys.current
    seconds.now = 1.0

    assert before == FIRST
    assert keys.current == third
    assert keys.find(FIRST.key_id) == FIRST


def test_a_key_made_for_later_is_published_now_and_used_then(tmp_path: Path) -> None:
    path, clock, seconds = tmp_path / "coupon_keys.json", Clock(), Seconds()
    add_key(path, FIRST)
    add_key(path, SECOND)
    keys = follow(path, clock, seconds)

    published = [jwk["kid"] for jwk in keys.public()]
    now = keys.current
    clock.advance(hours=1)

    assert published == [FIRST.key_id, SECOND.key_id]
    assert (now, keys.current) == (FIRST, SECOND)


def test_a_key_that_another_worker_uses_already_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "coupon_keys.json"
    add_key(path, FIRST)
    keys = follow(path, Clock(), Seconds())

    add_key(path, SECOND)

    assert keys.find(SECOND.key_id) == SECOND
    assert keys.find("no such key") is None


def test_nothing_secret_is_published(tmp_path: Path) -> None:
    path = tmp_path / "coupon_keys.json"
    add_key(path, FIRST)

    published = json.dumps(follow(path, Clock(), Seconds()).public())

    assert '"d"' not in published
    assert FIRST.private_jwk()["d"] not in published
    assert FIRST.private_jwk()["d"] not in repr(FIRST)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": []}', '{"keys": [{}]}', '{"keys": [1]}'])
def test_a_damaged_file_is_refused_at_start_and_leaves_a_running_worker_its_keys(
    tmp_path: Path, content: str
) -> None:
    path, clock, seconds = tmp_path / "coupon_keys.json", Clock(), Seconds()
    add_key(path, FIRST)
    keys = follow(path, clock, seconds)

    path.write_text(content)
    seconds.now = 1.0

    assert keys.current == FIRST
    with pytest.raises(CouponKeyError, match=r"coupon_keys\.json"):
        read_keys(path)


def test_a_file_that_the_settings_name_has_to_be_there(tmp_path: Path) -> None:
    named = Settings(var=tmp_path, coupon_keys=tmp_path / "shared.json")

    with pytest.raises(CouponKeyError, match=r"shared\.json.*coupon-keys rotate"):
        open_coupon_keys(named, Clock(), os.urandom)

    assert open_coupon_keys(Settings(var=tmp_path), Clock(), os.urandom).current.used_from == NOW


def test_a_revoked_key_signs_no_more_and_is_published_no_more_but_is_still_known(tmp_path: Path) -> None:
    path, clock = tmp_path / "coupon_keys.json", Clock(NOW + timedelta(hours=2))
    add_key(path, FIRST)
    add_key(path, SECOND)
    keys = CouponKeys(path=path, look_seconds=0, clock=clock, monotonic=Seconds())

    revoke_key(path, SECOND.key_id, clock())

    assert keys.current == FIRST
    assert [jwk["kid"] for jwk in keys.public()] == [FIRST.key_id]
    known = keys.find(SECOND.key_id)
    assert known is not None
    assert (known.revoked, known.seed) == (True, SECOND.seed)


@pytest.mark.parametrize("key_id", [FIRST.key_id, "no such key"])
def test_the_last_key_to_sign_with_and_an_unknown_one_cannot_be_revoked(tmp_path: Path, key_id: str) -> None:
    path = tmp_path / "coupon_keys.json"
    add_key(path, FIRST)
    add_key(path, SECOND)

    with pytest.raises(CouponKeyError, match=key_id):
        revoke_key(path, key_id, NOW)

    assert read_keys(path) == (FIRST, SECOND)
