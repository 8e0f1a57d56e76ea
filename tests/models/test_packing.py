"""Packed records: what comes back, what is told of one that cannot, and that the samples stay what logs rely on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import packing
from models.packing import pack, unpack
from service.record import DecisionRecord

SAMPLE = (Path(packing.__file__).parent / "packing_sample_1.json").read_bytes()
DIGESTS = {1: "3577321626a465a5f68f598dc3e7933e4b943c8133eba8c0913d58845a206028"}


@given(st.binary(max_size=20_000))
def test_whatever_is_packed_comes_back_to_the_byte(content: bytes) -> None:
    assert unpack(pack(content)) == content


def test_a_record_that_is_stored_as_json_is_read_as_it_is() -> None:
    assert unpack(SAMPLE) == SAMPLE


def test_a_record_like_the_sample_takes_a_twentieth() -> None:
    like = SAMPLE.replace(b'"customer-1"', b'"somebody else"')

    assert len(pack(like)) < len(like) / 20


def test_a_record_with_words_of_a_shop_s_own_takes_less_than_half() -> None:
    def renamed(value: object) -> object:
        """The record with other names for whatever has one."""
        if isinstance(value, dict):
            return {name[::-1]: renamed(each) for name, each in value.items()}
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return value[::-1] if isinstance(value, str) else value

    own = json.dumps(renamed(json.loads(SAMPLE))).encode()

    assert len(pack(own)) < len(own) / 2


def test_the_sample_is_a_record_of_a_decision() -> None:
    assert DecisionRecord.of_stored(SAMPLE).to_json() == SAMPLE


@pytest.mark.parametrize("number", DIGESTS)
def test_a_sample_never_changes(number: int) -> None:
    content = (Path(packing.__file__).parent / f"packing_sample_{number}.json").read_bytes()

    assert hashlib.sha256(content).hexdigest() == DIGESTS[number]


@pytest.mark.parametrize("stored", [b"", b"\x00", b"\x02" + pack(SAMPLE)[1:], b"[]"])
def test_what_is_no_stored_record_is_refused_by_what_it_begins_with(stored: bytes) -> None:
    with pytest.raises(ValueError, match="begins with"):
        unpack(stored)


@given(st.data())
def test_no_bit_of_a_packed_record_can_change_unseen(data: st.DataObject) -> None:
    stored = bytearray(pack(SAMPLE.replace(b"0.1", b"0.7")))
    place = data.draw(st.integers(1, len(stored) - 1))
    stored[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpack(bytes(stored))
    except ValueError:
        return

    assert found == SAMPLE.replace(b"0.1", b"0.7")


def test_a_record_that_was_cut_short_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(pack(SAMPLE)[:-5])
