"""A question as a command is told it: names and texts in place of policies, slices and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.bernstein import KnownBounds
from training.evaluation.judgement import Question
from training.evaluation.opened_log import OpenedLog
from training.evaluation.slices import Slice


@dataclass(frozen=True, kw_only=True)
class QuestionText:
    """The names of the policy to judge and of the one to compare it with, and the texts of slices and bounds."""

    policy: str
    against: str = ""
    slices: Sequence[str] = ()
    bounds: str = ""
    n_resamples: int = 0
    level: float = 0.95

    def of(self, log: OpenedLog) -> Question:
        """The question to that log. Raises: `PolicyError` for a policy that it lacks, `EvaluationError` for another form."""
        return Question(
            policy=log.policy(self.policy),
            against=log.policy(self.against) if self.against else None,
            slices=tuple(map(Slice.parse, self.slices)),
            bounds=KnownBounds.parse(self.bounds) if self.bounds else None,
            n_resamples=self.n_resamples,
            level=self.level,
        )
