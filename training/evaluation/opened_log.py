"""A log opened to judge policies by: its rounds in chunks, and the policies that can be named on it."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from pathlib import Path

import numpy as np

from models.feedback import Integers
from training.evaluation.diagnostics import ActionSums
from training.evaluation.errors import PolicyError
from training.evaluation.evaluation import uniform_probabilities
from training.evaluation.judgement import Judgement, Question
from training.evaluation.log_chunk import LogChunk, PolicyOfChunk, RoundSource, logged_policy
from training.evaluation.policy_source import policy_probabilities, saved_policy
from training.evaluation.round_window import RoundWindow
from training.evaluation.stream import judge_log
from training.evaluation.verdict import refuse_for


@dataclass(frozen=True, kw_only=True)
class OpenedLog:
    """Where the rounds come from, what a reader must know of them, and the policies that only this log has, by name.

    kinds `(n_actions,)`: which actions are of one kind, where that is known. undelivered: rounds left out because nothing
    arrived, None where the log knows of none. faults: why no policy can be judged on it; none as a rule.
    """

    source: RoundSource
    notes: tuple[str, ...] = ()
    policies: Mapping[str, PolicyOfChunk] = field(default_factory=dict)
    kinds: Integers | None = None
    undelivered: RoundSource | None = None
    faults: tuple[str, ...] = ()

    def policy(self, name: str) -> PolicyOfChunk:
        """`uniform`, `logged`, one of the log's own policies or one saved in a folder.

        Raises: `PolicyError` naming those there are.
        """
        if name == "logged":
            return logged_policy
        if name == "uniform":
            return lambda chunk: uniform_probabilities(chunk.feedback)
        if name in self.policies:
            return self.policies[name]
        if Path(name).is_dir():
            saved = saved_policy(Path(name))
            return lambda chunk: policy_probabilities(saved, chunk.feedback)
        names = ["uniform", "logged", *self.policies]
        raise PolicyError(f"no policy {name!r}; wanted one of {names} or the folder of a saved one")

    def since(self, moment: datetime) -> OpenedLog:
        """The same log, of the rounds decided at the moment or later; that it says when shows as it is read."""
        undelivered = self.undelivered and RoundWindow(source=self.undelivered, begin=moment)
        return replace(self, source=RoundWindow(source=self.source, begin=moment), undelivered=undelivered)

    def undelivered_sums(self) -> ActionSums | None:
        """What the rounds not delivered say of how actions were chosen; None where there are none."""
        chunks = self.undelivered.chunks() if self.undelivered else ()
        sums = [ActionSums.of(chunk.feedback) for chunk in chunks]
        return reduce(operator.add, sums) if sums else None

    def judge(self, question: Question, rng: np.random.Generator) -> Judgement:
        """The answer, its verdict to refuse where the log itself is at fault. Raises: as `judge_log`."""
        found = judge_log(
            self.source, replace(question, kinds=self.kinds, undelivered=self.undelivered_sums()), rng
        )
        verdict = refuse_for(found.evaluation.verdict, self.faults)
        return replace(found, evaluation=replace(found.evaluation, verdict=verdict))


@dataclass(frozen=True, kw_only=True)
class OneChunk:
    """A log in memory as a source."""

    chunk: LogChunk

    def chunks(self) -> tuple[LogChunk]:
        """The one chunk."""
        return (self.chunk,)
