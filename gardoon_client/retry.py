"""When to ask again, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gardoon_client.problem import GardoonError, NoAnswerError, ProblemError

_LATER = (429, 503)


@dataclass(frozen=True, kw_only=True)
class Retry:
    """At most `attempts` in all; pauses grow from `first_s` to `longest_s` and are drawn evenly below that.

    A service that says when to come back is given at least that long, unless it is longer than `patience_s`.
    """

    attempts: int = 6
    first_s: float = 0.1
    longest_s: float = 5.0
    patience_s: float = 30.0

    def pause_s(self, attempt: int, error: GardoonError, uniform: Callable[[], float]) -> float | None:
        """How long to wait after this failed attempt (from 1) before the next; None when there is to be none."""
        if attempt >= self.attempts or not may_pass(error):
            return None
        drawn = uniform() * min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))
        asked = error.retry_after_s if isinstance(error, ProblemError) else None
        if asked is None:
            return drawn
        return None if asked > self.patience_s else asked + drawn


def may_pass(error: GardoonError) -> bool:
    """Whether the same request may be answered later: no answer, asked too often, a part away, a first try under way."""
    if isinstance(error, NoAnswerError):
        return True
    if not isinstance(error, ProblemError):
        return False
    return error.status in _LATER or (error.status == 409 and error.retry_after_s is not None)
