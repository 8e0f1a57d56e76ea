"""The file of the keys: written by one command at a time, followed by every worker."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog

from service.coupons.key import CouponKey, CouponKeyError, new_key, parse_key
from service.settings import Settings

_logger = structlog.get_logger()


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


def open_coupon_keys(
    settings: Settings, clock: Callable[[], datetime], randomness: Callable[[int], bytes]
) -> CouponKeys:
    """The keys of this installation; a first one is made where none is and the settings name no file.

    Raises: `CouponKeyError`. A file that was named has to be there: workers that each made their own would not know each
    other's coupons.
    """
    if settings.coupon_keys is None:
        read_or_create_keys(settings.coupon_keys_path, new_key(randomness, clock()))
    return CouponKeys(
        path=settings.coupon_keys_path,
        look_seconds=settings.poll_seconds,
        clock=clock,
        monotonic=time.monotonic,
    )


class CouponKeys:
    """The keys of a file as they are now: looked at again, at most once in `look_seconds`, when somebody asks."""

    def __init__(
        self,
        *,
        path: Path,
        look_seconds: float,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._path = path
        self._look_seconds = look_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._keys = read_keys(path)
        self._stamp = (0, 0)  # of what was read as soon as it is looked at again
        self._looked_at = monotonic()

    @property
    def current(self) -> CouponKey:
        """The key to sign with: the one that came into use last."""
        self._look()
        now = self._clock()
        return next((key for key in reversed(self._keys) if key.used_from <= now), self._keys[0])

    def find(self, key_id: str) -> CouponKey | None:
        """The key of that id; the file is read again before it is said that there is none."""
        found = self._find(key_id)
        return self._find(key_id) if found is None and self._read_again() else found

    @property
    def known(self) -> tuple[CouponKey, ...]:
        """Every key, oldest first."""
        self._look()
        return self._keys

    def public(self) -> list[dict[str, str]]:
        """The public halves, oldest first, also of keys that come into use later."""
        return [key.public_jwk() for key in self.known]

    def _find(self, key_id: str) -> CouponKey | None:
        return next((key for key in self._keys if key.key_id == key_id), None)

    def _look(self) -> None:
        if self._monotonic() - self._looked_at >= self._look_seconds:
            self._read_again()

    def _read_again(self) -> bool:
        """Whether there is something new. A file that cannot be read now leaves the keys as they are known."""
        self._looked_at = self._monotonic()
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return False
            self._keys, self._stamp = read_keys(self._path), stamp
        except (CouponKeyError, OSError) as error:
            _logger.error("coupon keys stay as they were", reason=str(error))
            return False
        return True

    def _stat(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino
