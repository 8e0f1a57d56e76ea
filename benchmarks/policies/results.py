"""Everything one run measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.policies.problem import Problem
from benchmarks.policies.quality import Score


@dataclass
class Results:
    """Scores by problem and learner over the seeds, speeds by learner, versions, and a note for whatever is missing."""

    scores: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    stated: dict[str, bool] = field(default_factory=dict)
    lacks: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: dict[str, dict[str, float]] = field(default_factory=dict)
    speed: dict[str, dict[str, float]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    minutes: float = 0.0

    def describe(self, name: str, problems: list[Problem]) -> None:
        """Size and reference values of a problem, averaged over its seeds."""
        first = problems[0]
        size = {
            "rounds": len(first.contexts),
            "actions": first.rewards.shape[1],
            "inputs": first.contexts.shape[1],
        }
        references = [problem.references for problem in problems]
        mean = {key: float(np.mean([each[key] for each in references])) for key in references[0]}
        self.problems[name] = {**size, **mean}
        self.scores[name] = {}

    def add(self, problem: str, learner: str, found: list[Score]) -> None:
        """A learner's runs on a problem; with one that gave none it has no score there, but a reason."""
        if not found:
            return
        if found[-1].lack:
            self.lacks.setdefault(problem, {})[learner] = found[-1].lack
            return
        self.scores.setdefault(problem, {})[learner] = [score.value for score in found]
        self.seconds.setdefault(problem, {})[learner] = float(np.mean([score.seconds for score in found]))
        self.stated[learner] = self.stated.get(learner, True) and all(score.stated for score in found)

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)
