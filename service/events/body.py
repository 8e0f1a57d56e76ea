"""The body of a request with messages: JSON, compressed or not."""

from __future__ import annotations

import zlib
from typing import Any

from pydantic_core import from_json

from service.errors import BodyTooLargeError, InvalidRequestError

_GZIP = 31
"""zlib's number for a gzip header and the largest window."""


def read_body(content: bytes, encoding: str, *, limit_bytes: int) -> dict[str, Any]:
    """The JSON object of a body in this `Content-Encoding`, no larger than the limit once it is unpacked.

    Raises: `InvalidRequestError`, `BodyTooLargeError`.
    """
    try:
        found = from_json(_unpacked(content, encoding.strip().lower(), limit_bytes), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequestError.of("body", "not JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise InvalidRequestError.of("body", "wanted a JSON object")
    return found


def _unpacked(content: bytes, encoding: str, limit_bytes: int) -> bytes:
    if encoding in ("", "identity"):
        return content
    if encoding != "gzip":
        raise InvalidRequestError.of("content-encoding", "wanted gzip or none")
    unpacking = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacking.decompress(content, limit_bytes + 1)
    except zlib.error as error:
        raise InvalidRequestError.of("body", "not gzip, though its Content-Encoding says so") from error
    if len(unpacked) > limit_bytes:
        raise BodyTooLargeError(f"the body is larger than {limit_bytes} bytes once it is unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidRequestError.of("body", "not one whole gzip stream")
    return unpacked
