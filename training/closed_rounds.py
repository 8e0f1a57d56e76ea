"""The rounds of a decision log that can be learnt: those decided before the first window that was still open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from models.feedback import LoggedFeedback
from training.evaluation.decision_log import DecisionLog
from training.evaluation.errors import TooFewRoundsError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def closed_rounds(log: DecisionLog, until: datetime | None = None) -> tuple[LoggedFeedback, datetime]:
    """The rounds decided before any window was still open, and that moment; before `until`, if that is earlier.

    Rounds decided later are left out although their own window may have closed: where one moment parts what was learnt from
    what was not, the learner can go on from it and a judge can start at it. Raises: `TooFewRoundsError`.
    """
    closed = _EPOCH + timedelta(microseconds=log.closed_until_us)
    moment = closed if until is None else min(until.astimezone(UTC), closed)
    rows = ~log.labels.since(moment)
    if not rows.any():
        raise TooFewRoundsError(
            f"none of {len(rows):,} rounds was decided before {moment.isoformat()}; windows had closed up to "
            f"{closed.isoformat()}"
        )
    return log.feedback.take(rows), moment
