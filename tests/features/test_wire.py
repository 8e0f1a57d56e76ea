"""Feast's stored bytes; that Feast itself agrees is tested in tests/training/test_feature_store.py."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FeatureType
from features.wire import FeatureValue, WireFormatError, decode_value, encode_values, entity_key

FLOATS = st.floats(allow_nan=False)


@given(
    st.one_of(
        st.tuples(st.just("float"), FLOATS),
        st.tuples(st.just("int"), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("bool"), st.booleans()),
        st.tuples(st.just("string"), st.text(max_size=300)),
        st.tuples(st.just("float_list"), st.lists(FLOATS, max_size=40).map(tuple)),
    )
)
def test_a_value_is_read_as_it_was_written(pair: tuple[FeatureType, FeatureValue]) -> None:
    kind, value = pair

    read = decode_value(encode_values(kind, [value])[0])

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("float", 1.5, "29000000000000f83f"),
        ("float", 0.0, "290000000000000000"),
        ("int", 300, "20ac02"),
        ("int", -1, "20ffffffffffffffffff01"),
        ("bool", False, "3800"),
        ("string", "ab", "12026162"),
        ("float_list", [1.5], "7a0a0a08000000000000f83f"),
    ],
)
def test_values_are_written_as_protobuf_does(kind: FeatureType, value: FeatureValue, stored: str) -> None:
    assert encode_values(kind, [value])[0].hex() == stored


def test_none_and_nan_are_stored_as_nothing_and_read_as_none() -> None:
    assert encode_values("float", [None, math.nan]) == [b"", b""]
    assert decode_value(b"") is None


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(WireFormatError, match="0x35"):
        decode_value(bytes.fromhex("350000803f"))  # float_val, 32 bits


def test_the_entity_key_holds_counts_types_and_lengths() -> None:
    key = entity_key("42")

    assert (
        key
        == b"\x01\0\0\0" + b"\x02\0\0\0" + b"\x0b\0\0\0customer_id" + b"\x02\0\0\0" + b"\x02\0\0\0" + b"42"
    )
