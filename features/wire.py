"""Feast's stored bytes, written and read by hand: the entity key (serialisation version 3) and the protobuf `Value`.

A serving process needs these few bytes and not Feast, whose import costs seconds. A stored `Value` is one tag byte,
`field number << 3 | wire type`, and its payload; a stored null is no bytes at all.

| feature type | field of `Value` | tag | payload |
|---|---|---|---|
| string | 2 `string_val` | 0x12 | length (varint), UTF-8 |
| int | 4 `int64_val` | 0x20 | varint, two's complement |
| float | 5 `double_val` | 0x29 | 8 bytes, little-endian |
| bool | 7 `bool_val` | 0x38 | one byte |
| float_list | 15 `double_list_val` | 0x7A | length, then 0x0A (packed `DoubleList.val`), length, 8 bytes each |

Source: feast/protos/feast/types/Value.proto and feast/infra/key_encoding_utils.py (Feast 0.67); the protobuf encoding guide.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

import numpy as np

from features.schema import JOIN_KEY, FeatureType

FeatureValue = float | int | bool | str | tuple[float, ...] | None

STRING_TAG: Final = 0x12
INT_TAG: Final = 0x20
FLOAT_TAG: Final = 0x29
BOOL_TAG: Final = 0x38
FLOAT_LIST_TAG: Final = 0x7A
NULL: Final = b""

_STRING_VALUE_TYPE: Final = 2  # feast.types ValueType.STRING
_KEY_PREFIX: Final = struct.pack("<III", 1, _STRING_VALUE_TYPE, len(JOIN_KEY)) + JOIN_KEY.encode()
_read_double = struct.Struct("<d").unpack_from


class WireFormatError(ValueError):
    """Stored bytes are not a `Value` of a kind that the schema can declare."""


def entity_key(customer_id: str) -> bytes:
    """The key under which Feast stores the customer's rows: counts, types and lengths as little-endian 32-bit numbers."""
    value = customer_id.encode()
    return _KEY_PREFIX + struct.pack("<II", _STRING_VALUE_TYPE, len(value)) + value


def customer_of(key: bytes) -> str:
    """The customer whose key this is, whatever follows it. Raises `WireFormatError` when it is none.

    >>> customer_of(entity_key("c1") + b"gardoon")
    'c1'
    """
    start = len(_KEY_PREFIX) + 8
    if len(key) < start or not key.startswith(_KEY_PREFIX):
        raise WireFormatError(f"{key[:80]!r} is not the key of a {JOIN_KEY}")
    kind, length = struct.unpack_from("<II", key, len(_KEY_PREFIX))
    if kind != _STRING_VALUE_TYPE or len(key) < start + length:
        raise WireFormatError(f"{key[:80]!r} is not the key of a {JOIN_KEY} that is text")
    return key[start : start + length].decode()


def encode_values(kind: FeatureType, values: Iterable[FeatureValue]) -> list[bytes]:
    """The stored bytes of each value of one feature; null for None and for a nan, as Feast stores it."""
    encode = _ENCODERS[kind]
    return [NULL if value is None or value != value else encode(value) for value in values]


def decode_value(stored: bytes | None) -> FeatureValue:
    """The value of stored bytes; None where nothing is stored. Raises `WireFormatError`."""
    if not stored:
        return None
    tag = stored[0]
    if tag == FLOAT_TAG:
        value: float = _read_double(stored, 1)[0]
        return value
    if tag == BOOL_TAG:
        return stored[1] != 0
    if tag == STRING_TAG:
        _, start = decode_varint(stored, 1)
        return stored[start:].decode()
    if tag == INT_TAG:
        number, _ = decode_varint(stored, 1)
        return number - (1 << 64) if number >= 1 << 63 else number
    if tag == FLOAT_LIST_TAG:
        return _decode_list(stored)
    raise WireFormatError(
        f"stored value starts with byte {tag:#04x}, wanted one of 0x12, 0x20, 0x29, 0x38, 0x7a"
    )


def decode_values(stored: Iterable[bytes | None]) -> list[FeatureValue]:
    """The values of many, several times faster where most are floats. Raises `WireFormatError`."""
    return [
        _read_double(value, 1)[0] if value and value[0] == FLOAT_TAG else decode_value(value)
        for value in stored
    ]


def _encode_float(value: FeatureValue) -> bytes:
    return struct.pack("<Bd", FLOAT_TAG, value)


def _encode_int(value: FeatureValue) -> bytes:
    assert isinstance(value, int)
    return bytes([INT_TAG]) + encode_varint(value & (1 << 64) - 1)


def _encode_bool(value: FeatureValue) -> bytes:
    return bytes([BOOL_TAG, bool(value)])


def _encode_string(value: FeatureValue) -> bytes:
    text = str(value).encode()
    return bytes([STRING_TAG]) + encode_varint(len(text)) + text


def _encode_list(value: FeatureValue) -> bytes:
    numbers = np.asarray(value, dtype="<f8").tobytes()
    packed = b"\x0a" + encode_varint(len(numbers)) + numbers if numbers else b""
    return bytes([FLOAT_LIST_TAG]) + encode_varint(len(packed)) + packed


_ENCODERS = {
    "float": _encode_float,
    "int": _encode_int,
    "bool": _encode_bool,
    "string": _encode_string,
    "float_list": _encode_list,
}


def _decode_list(stored: bytes) -> tuple[float, ...]:
    length, start = decode_varint(stored, 1)
    if length == 0:
        return ()
    if stored[start] != 0x0A:
        raise WireFormatError(f"a list's numbers start with byte {stored[start]:#04x}, wanted 0x0a (packed)")
    length, start = decode_varint(stored, start + 1)
    return struct.unpack_from(f"<{length // 8}d", stored, start)


def encode_varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode_varint(stored: bytes, start: int) -> tuple[int, int]:
    """The number that starts there, and where what follows it starts."""
    number = shift = 0
    while True:
        byte = stored[start]
        number |= (byte & 0x7F) << shift
        start += 1
        if byte < 0x80:
            return number, start
        shift += 7
