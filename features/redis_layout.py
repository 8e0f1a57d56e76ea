"""Feast's layout in Redis, made by hand: one hash a customer holds every view, so one HMGET reads them all.

| part | bytes |
|---|---|
| key | the serialised entity key (`features.wire`), then the project's name |
| field of a feature | murmur3 of `view:feature` (32 bits, seed 0), little-endian |
| its value | protobuf `Value` (`features.wire`); a null is no bytes |
| field of a view's event time | `_ts:view` |
| its value | protobuf `Timestamp`: 0x08 and seconds, 0x10 and nanoseconds, both varints, a zero left out |

Source: docs/specs/online_store_format.md and feast/infra/online_stores/{redis,helpers}.py of Feast 0.67.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import mmh3

from features.schema import View
from features.wire import decode_varint, encode_varint, entity_key

_SECONDS_TAG: Final = b"\x08"
_NANOS_TAG: Final = b"\x10"


def redis_key(customer_id: str, project: str) -> bytes:
    """The key of the customer's hash."""
    return entity_key(customer_id) + project.encode()


def feature_field(view: str, feature: str) -> bytes:
    """The field of a feature's value in the hash."""
    return mmh3.hash(f"{view}:{feature}", signed=False).to_bytes(4, "little")


def time_field(view: str) -> bytes:
    """The field of the view's event time in the hash."""
    return f"_ts:{view}".encode()


def view_fields(view: View) -> list[bytes]:
    """The fields of a view: its event time, then its features in declared order."""
    return [time_field(view.name), *(feature_field(view.name, feature.name) for feature in view.features)]


def encode_time(moment: datetime) -> bytes:
    """The stored bytes of an event time."""
    seconds, nanos = int(moment.replace(microsecond=0).timestamp()), moment.microsecond * 1000
    stored = _SECONDS_TAG + encode_varint(seconds) if seconds else b""
    return stored + _NANOS_TAG + encode_varint(nanos) if nanos else stored


def decode_nanos(stored: bytes | None) -> int:
    """Nanoseconds since 1970 of a stored event time; 0 where none is stored, as Feast has it."""
    seconds, nanos, at = 0, 0, 0
    stored = stored or b""
    if stored[:1] == _SECONDS_TAG:
        seconds, at = decode_varint(stored, 1)
    if stored[at : at + 1] == _NANOS_TAG:
        nanos, _ = decode_varint(stored, at + 1)
    return seconds * 1_000_000_000 + nanos


@lru_cache(maxsize=4096)
def decode_time(stored: bytes) -> datetime | None:
    """The event time in whole seconds, or None where none is stored. Views filled together share theirs: kept."""
    seconds = decode_nanos(stored) // 1_000_000_000
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def pack_arguments(arguments: Iterable[bytes]) -> bytes:
    """The arguments as they stand in a command on the wire."""
    return b"".join(b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments)
