"""A log by name: `KIND:REST` to logged feedback and the policies that can be named on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.feedback import Floats, LoggedFeedback
from training.evaluation.errors import LogError, PolicyError
from training.evaluation.evaluation import (
    Evaluation,
    evaluate_behavior_policy,
    evaluate_policy,
    uniform_probabilities,
)

Probabilities = Callable[[np.random.Generator], Floats]


@dataclass(frozen=True, kw_only=True)
class EvaluationLog:
    """Logged feedback, what a reader must know of it, and the policies that only this kind of log has, by name.

    A policy is a function from a generator to its probabilities on the log's rounds, `(n_rounds, n_actions)`.
    """

    feedback: LoggedFeedback
    notes: tuple[str, ...]
    policies: Mapping[str, Probabilities] = field(default_factory=dict)


def open_log(name: str, folder: Path) -> EvaluationLog:
    """The log of that name, with what it needs kept under `folder`. Raises: `LogError` naming the kinds there are."""
    kind, _, rest = name.partition(":")
    if kind not in _KINDS:
        raise LogError(f"no log {name!r}; wanted one of {', '.join(_KINDS.values())}")
    return _open_bandit_log(rest, folder)


_KINDS = {"open-bandit": "open-bandit:{random|bts}/{all|men|women}"}


def _open_bandit_log(rest: str, folder: Path) -> EvaluationLog:
    from training.evaluation.open_bandit import bernoulli_thompson, fetch, read_sample

    package = fetch(folder / "packages")
    sample = read_sample(package, rest)
    feedback = sample.feedback
    notes = (
        f"a sample holds only {int(feedback.rewards.sum())} clicks in {feedback.n_rounds:,} rounds: fit for checking "
        "estimators, thin for conclusions",
        "a round is one of three places on the page; the value is clicks per place, over the log's mix of places",
    )
    policies = {"bernoulli-ts": lambda rng: bernoulli_thompson(package, sample, rng)}
    return EvaluationLog(feedback=feedback, notes=notes, policies=policies)


def evaluate_named_policy(
    log: EvaluationLog, policy: str, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of `uniform`, `logged` or one of the log's own policies. Raises: `PolicyError` naming them."""
    if policy == "logged":
        return evaluate_behavior_policy(log.feedback, rng, level)
    if policy == "uniform":
        return evaluate_policy(log.feedback, uniform_probabilities(log.feedback), rng, level)
    if policy not in log.policies:
        raise PolicyError(f"no policy {policy!r}; wanted one of {['uniform', 'logged', *log.policies]}")
    return evaluate_policy(log.feedback, log.policies[policy](rng), rng, level)
