"""A log in pieces: what every reader of a log hands out, and what a policy is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from models.feedback import Booleans, Floats, Integers, LoggedFeedback
from training.evaluation.round_labels import RoundLabels


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """Rounds in a row: their feedback, their labels, and the behaviour policy's whole distribution where it was logged.

    behavior `(n_rounds, n_actions)`, None where only the chosen action's probability is known.
    """

    feedback: LoggedFeedback
    labels: RoundLabels = field(default_factory=RoundLabels)
    behavior: Floats | None = None

    def take(self, rows: Integers | Booleans | slice) -> LogChunk:
        """The chosen rounds, in the order given."""
        behavior = None if self.behavior is None else self.behavior[rows]
        return LogChunk(feedback=self.feedback.take(rows), labels=self.labels.take(rows), behavior=behavior)


class RoundSource(Protocol):
    """A log that can be read from the start again and again; every chunk has the same inputs and actions."""

    def chunks(self) -> Iterable[LogChunk]:
        """The rounds in the order of the log."""
        ...


PolicyOfChunk = Callable[[LogChunk], Floats | None]
"""A policy's probabilities `(n_rounds, n_actions)` on a chunk; None: it is the behaviour policy, of which only the chosen
action's probability is known."""


def logged_policy(chunk: LogChunk) -> Floats | None:
    """The behaviour policy itself."""
    return chunk.behavior
