"""What is looked at on the log once an hour, called again and again by the learner's process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Final

EVERY: Final = timedelta(hours=1)


class HourlyWatch(ABC):
    """Looks at its first step, then once an hour."""

    _next: datetime | None = None

    def step(self, now: datetime) -> None:
        """Look, if it is time."""
        if self._next is None or now >= self._next:
            self._next = now + EVERY
            self._look(now)

    @abstractmethod
    def _look(self, now: datetime) -> None:
        """What is done once an hour."""
