"""The file of the keys: one for all workers, readable by its owner alone, followed without a restart."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from service.coupons.key import CouponKey, CouponKeyError, new_key
from service.coupons.key_file import CouponKeys, add_key, open_coupon_keys, read_keys, read_or_create_keys
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


def test_what_is_written_is_read_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "coupon_keys.json"

    add_key(path, SECOND)
    add_key(path, FIRST)

    assert read_keys(path) == (FIRST, SECOND)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_workers_that_start_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / str(attempt) / "coupon_keys.json"

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: read_or_create_keys(path, new_key(os.urandom, NOW)), range(8)))  # noqa: B023

        assert len({keys[0].key_id for keys in found}) == 1


def test_no_key_is_lost_when_several_are_added_at_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "coupon_keys.json"
    keys = [CouponKey(bytes([number]) * 32, NOW) for number in range(16)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: add_key(path, key), keys))

    assert {key.key_id for key in read_keys(path)} == {key.key_id for key in keys}


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


def test_a_public_half_that_belongs_to_another_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "coupon_keys.json"
    mixed = {**FIRST.private_jwk(), "x": SECOND.private_jwk()["x"]}
    path.write_text(json.dumps({"keys": [mixed]}))

    with pytest.raises(CouponKeyError, match="not the public half"):
        read_keys(path)


def test_a_file_that_the_settings_name_has_to_be_there(tmp_path: Path) -> None:
    named = Settings(var=tmp_path, coupon_keys=tmp_path / "shared.json")

    with pytest.raises(CouponKeyError, match=r"shared\.json.*coupon-keys rotate"):
        open_coupon_keys(named, Clock(), os.urandom)

    assert open_coupon_keys(Settings(var=tmp_path), Clock(), os.urandom).current.used_from == NOW
