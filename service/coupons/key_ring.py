"""The keys as a worker knows them: read again when the file has changed, so that a rotation needs no restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from service.coupons.key import CouponKey, CouponKeyError, new_key
from service.coupons.key_file import read_keys, read_or_create_keys
from service.settings import Settings

_logger = structlog.get_logger()


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
        """The key to sign with: the one that came into use last and is not revoked."""
        known, now = self.known, self._clock()
        for key in reversed(known):
            if not key.revoked and key.used_from <= now:
                return key
        return known[0]

    def find(self, key_id: str) -> CouponKey | None:
        """The key of that id, revoked or not; the file is read again before it is said that there is none."""
        self._look()
        found = self._find(key_id)
        return self._find(key_id) if found is None and self._read_again() else found

    @property
    def known(self) -> tuple[CouponKey, ...]:
        """Every key, oldest first."""
        self._look()
        return self._keys

    def public(self) -> list[dict[str, str]]:
        """The public halves of the keys that are not revoked, oldest first, also of those that come into use later."""
        return [key.public_jwk() for key in self.known if not key.revoked]

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
