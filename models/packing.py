"""Records of decisions made small: most of a record are words that every record has.

Each is compressed by itself with Zstandard (RFC 8878) against a sample, a record like most, which writer and reader both
have. What is stored is one byte that numbers the sample and a frame with a checksum. A sample is never changed, for logs
hold what was packed by it; one that fits newer records better takes the next number.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_NEWEST: Final = 1
_SAMPLES: Final = {number: f"packing_sample_{number}.json" for number in range(1, _NEWEST + 1)}
_PLAIN: Final = ord("{")
"""What a record begins with that is not packed: JSON, as earlier versions stored it."""


def pack(content: bytes) -> bytes:
    """A record's JSON as it is stored."""
    compressor = _compressor()
    return bytes((_NEWEST,)) + compressor.compress(content, compressor.FLUSH_FRAME)


def unpack(stored: bytes) -> bytes:
    """The record's JSON, of what `pack` made or of that JSON itself.

    Raises: `ValueError` for anything else, and where a bit of it is not what it was.
    """
    number = stored[0] if stored else None
    if number == _PLAIN:
        return stored
    if number not in _SAMPLES:
        raise ValueError(f"a stored record begins with {stored[:1]!r}, known are {{ and {sorted(_SAMPLES)}")
    try:
        return zstd.decompress(stored[1:], _sample(number))
    except zstd.ZstdError as error:
        raise ValueError(f"a stored record of {len(stored)} bytes cannot be unpacked: {error}") from error


@cache
def _sample(number: int) -> zstd.ZstdDict:
    return zstd.ZstdDict((Path(__file__).parent / _SAMPLES[number]).read_bytes(), is_raw=True)


@cache
def _compressor() -> zstd.ZstdCompressor:
    checked: dict[int, int] = {
        zstd.CompressionParameter.compression_level: 1,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    return zstd.ZstdCompressor(options=checked, zstd_dict=_sample(_NEWEST).as_digested_dict)
