"""Decision ids: UUID version 7, in order of time."""

from __future__ import annotations


def decision_id(unix_ms: int, randomness: bytes) -> str:
    """The UUIDv7 of a millisecond and ten random bytes (RFC 9562, section 5.7).

    >>> decision_id(1_500_000_000_000, bytes(10))
    '015d3ef7-9800-7000-8000-000000000000'
    """
    value = (unix_ms & ((1 << 48) - 1)) << 80 | int.from_bytes(randomness[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
