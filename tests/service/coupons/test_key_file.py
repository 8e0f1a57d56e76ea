"""The file of the keys: one for all workers, readable by its owner alone."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from service.coupons.key import CouponKey, CouponKeyError, new_key
from service.coupons.key_file import add_key, read_keys, read_or_create_keys
from tests.service.conftest import NOW

FIRST, SECOND = CouponKey(b"1" * 32, NOW), CouponKey(b"2" * 32, NOW + timedelta(hours=1))


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


def test_a_public_half_that_belongs_to_another_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "coupon_keys.json"
    mixed = {**FIRST.private_jwk(), "x": SECOND.private_jwk()["x"]}
    path.write_text(json.dumps({"keys": [mixed]}))

    with pytest.raises(CouponKeyError, match="not the public half"):
        read_keys(path)
