"""The rounds of a decision log that can be learnt: those decided before the first window that was still open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from training.evaluation.errors import TooFewRoundsError
from training.evaluation.round_spool import SpooledLog
from training.evaluation.round_window import RoundWindow, count_rounds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def closed_rounds(log: SpooledLog, until: datetime | None = None) -> tuple[RoundWindow, datetime]:
    """The rounds decided before any window was still open, and that moment; before `until`, if that is earlier.

    Rounds decided later are left out although their own window may have closed: where one moment parts what was learnt from
    what was not, the learner can go on from it and a judge can start at it. Raises: `TooFewRoundsError`.
    """
    closed = _EPOCH + timedelta(microseconds=log.closed_until_us)
    moment = closed if until is None else min(until.astimezone(UTC), closed)
    rounds = RoundWindow(source=log.rounds, end=moment)
    if not count_rounds(rounds):
        raise TooFewRoundsError(
            f"none of {count_rounds(log.rounds):,} rounds was decided before {moment.isoformat()}; windows had closed up to "
            f"{closed.isoformat()}"
        )
    return rounds, moment
