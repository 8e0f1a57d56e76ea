"""Part of a log by when its rounds were decided, and a log put together: what has to see the rounds whole, or in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from models.feedback import LoggedFeedback
from training.evaluation.errors import TooFewRoundsError
from training.evaluation.log_chunk import LogChunk, RoundSource

_COLUMNS = ("contexts", "actions", "rewards", "propensities", "eligible")


@dataclass(frozen=True, kw_only=True)
class RoundWindow:
    """The rounds of a log decided from `begin` on and before `end`, None: without such a bound. Memory: one chunk."""

    source: RoundSource
    begin: datetime | None = None
    end: datetime | None = None

    def chunks(self) -> Iterator[LogChunk]:
        """Chunks of the log without the other rounds. Raises: `LogError` where it does not say when they were decided."""
        for chunk in self.source.chunks():
            rows = np.ones(chunk.feedback.n_rounds, dtype=np.bool_)
            if self.begin is not None:
                rows &= chunk.labels.since(self.begin)
            if self.end is not None:
                rows &= ~chunk.labels.since(self.end)
            if rows.any():
                yield chunk if rows.all() else chunk.take(rows)


def count_rounds(source: RoundSource) -> int:
    """The number of rounds, by reading them."""
    return sum(chunk.feedback.n_rounds for chunk in source.chunks())


def whole_feedback(source: RoundSource) -> LoggedFeedback:
    """All rounds in memory. Raises: `TooFewRoundsError` where there is none."""
    return _joined([chunk.feedback for chunk in source.chunks()])


def in_batches(source: RoundSource, size: int) -> Iterator[LoggedFeedback]:
    """The rounds so many at a time, however the chunks are cut, the last batch alone being smaller."""
    held: list[LoggedFeedback] = []
    for chunk in source.chunks():
        held.append(chunk.feedback)
        if sum(part.n_rounds for part in held) < size:
            continue
        joined = _joined(held)
        full = joined.n_rounds - joined.n_rounds % size
        for begin in range(0, full, size):
            yield joined.take(slice(begin, begin + size))
        held = [joined.take(slice(full, None))]
    if sum(part.n_rounds for part in held):
        yield _joined(held)


def _joined(parts: Iterable[LoggedFeedback]) -> LoggedFeedback:
    held = list(parts)
    if not held:
        raise TooFewRoundsError("the log holds no rounds; wanted at least 1")
    if len(held) == 1:
        return held[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in held]) for name in _COLUMNS
    }
    return replace(held[0], **columns)
