"""Coupon codes: unguessable without the shop's secret, the same for the same decision."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import tempfile
from pathlib import Path

_BYTES = 10


def coupon_code(secret: bytes, decision_id: str, amount: int) -> str:
    """Sixteen base-32 characters in groups of four: 80 bits of HMAC-SHA256 over decision and amount.

    >>> coupon_code(b"secret", "d1", 30000)
    '5QJ6-AHYA-JCUB-PBCC'
    """
    digest = hmac.new(secret, f"{decision_id}\0{amount}".encode(), hashlib.sha256).digest()[:_BYTES]
    text = base64.b32encode(digest).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def read_or_create_secret(path: Path) -> bytes:
    """The secret in a file that only its owner can read; made from the system's randomness when there is none.

    The file appears with its content, by a hard link: of workers that start together all read the same whole secret.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent) as file, contextlib.suppress(FileExistsError):
            file.write(os.urandom(32))
            file.flush()
            os.link(file.name, path)
    return path.read_bytes()
