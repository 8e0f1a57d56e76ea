"""The file of the keys: written by one process at a time, and only ever whole."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from service.coupons.key import CouponKey, CouponKeyError, parse_key


def read_keys(path: Path) -> tuple[CouponKey, ...]:
    """The keys in a file, oldest first. Raises `CouponKeyError` naming it when it is missing, empty or damaged."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["keys"]
        keys = tuple(parse_key(jwk) for jwk in listed)
    except FileNotFoundError:
        raise CouponKeyError(
            f"{path}: no such file; `python -m service coupon-keys rotate` makes one"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CouponKeyError(f"{path}: not a set of coupon keys: {error}") from error
    if not keys:
        raise CouponKeyError(f"{path}: holds no key; wanted at least one")
    return keys


def add_key(path: Path, key: CouponKey) -> tuple[CouponKey, ...]:
    """The keys of the file after this one was added. Raises `CouponKeyError` when what is there cannot be read."""
    with _alone(path):
        known = read_keys(path) if path.exists() else ()
        return _write(path, (*known, key))


def revoke_key(path: Path, key_id: str, now: datetime) -> tuple[CouponKey, ...]:
    """The keys of the file after this one was marked as revoked.

    Raises: `CouponKeyError` when it is not there, or when without it there is none to sign with now.
    """
    with _alone(path):
        known = read_keys(path)
        kept = tuple(replace(key, revoked=True) if key.key_id == key_id else key for key in known)
        if key_id not in {key.key_id for key in known}:
            raise CouponKeyError(f"{path}: no key {key_id!r}; there are {[key.key_id for key in known]}")
        if all(key.revoked or key.used_from > now for key in kept):
            raise CouponKeyError(f"{path}: {key_id} is the only key to sign with; rotate first")
        return _write(path, kept)


def read_or_create_keys(path: Path, key: CouponKey) -> tuple[CouponKey, ...]:
    """The keys in a file; of processes that find none at the same moment, one's key is all that there is.

    Raises: `CouponKeyError` when what is there cannot be read.
    """
    with _alone(path):
        return read_keys(path) if path.exists() else _write(path, (key,))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, keys: Sequence[CouponKey]) -> tuple[CouponKey, ...]:
    """Replace the file at once, on disk before it counts, readable by its owner alone."""
    ordered = tuple(sorted(keys, key=lambda key: key.used_from))
    content = json.dumps({"keys": [key.private_jwk() for key in ordered]}, indent=1)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return ordered
