"""One policy judged on one log: diagnostics, verdict and every estimator's row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats, LoggedFeedback
from training.evaluation.diagnostics import ActionSums, Diagnostics, WeightSums, diagnose
from training.evaluation.dr import DR
from training.evaluation.errors import NoOverlapError
from training.evaluation.estimator import Estimate, Estimator
from training.evaluation.ips import IPS
from training.evaluation.replay import Replay
from training.evaluation.reward_model import cross_fit_rewards
from training.evaluation.rounds import EvaluatedRounds, evaluate_logged_rounds, evaluate_rounds
from training.evaluation.snips import SNIPS
from training.evaluation.verdict import Verdict, judge


@dataclass(frozen=True, kw_only=True)
class Undefined:
    """An estimator that has no value on this log, and why."""

    estimator: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything found about one policy on one log, in reading order."""

    diagnostics: Diagnostics
    verdict: Verdict
    estimates: tuple[Estimate | Undefined, ...]


def standard_estimators(rounds: EvaluatedRounds) -> tuple[Estimator, ...]:
    """The estimators of a report; replay bounds the weights by the largest one in these rounds."""
    return Replay(largest_weight=float(rounds.weights.max())), IPS(), SNIPS(), DR()


def uniform_probabilities(feedback: LoggedFeedback) -> Floats:
    """The policy that chooses evenly among the eligible actions, `(n_rounds, n_actions)`."""
    return np.asarray(feedback.eligible / feedback.eligible.sum(axis=1, keepdims=True))


def evaluate_policy(
    feedback: LoggedFeedback, probabilities: Floats, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of a policy with these action probabilities, `(n_rounds, n_actions)`.

    Raises: `PolicyError` when they are no distribution over the eligible actions.
    """
    draws = rng.random(feedback.n_rounds)
    rounds = evaluate_rounds(feedback, probabilities, draws, cross_fit_rewards(feedback))
    return _evaluate(feedback, rounds, ActionSums.of(feedback, probabilities.sum(axis=0)), level)


def evaluate_behavior_policy(
    feedback: LoggedFeedback, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of the policy that wrote the log: what it did earn, the yardstick for the others."""
    draws = rng.random(feedback.n_rounds)
    rounds = evaluate_logged_rounds(feedback, draws, cross_fit_rewards(feedback))
    return _evaluate(feedback, rounds, ActionSums.of(feedback), level)


def _evaluate(
    feedback: LoggedFeedback, rounds: EvaluatedRounds, actions: ActionSums, level: float
) -> Evaluation:
    diagnostics = diagnose(WeightSums.of(rounds), actions, feedback.action_names)
    estimates = tuple(_estimate(estimator, rounds, level) for estimator in standard_estimators(rounds))
    return Evaluation(diagnostics=diagnostics, verdict=judge(diagnostics), estimates=estimates)


def _estimate(estimator: Estimator, rounds: EvaluatedRounds, level: float) -> Estimate | Undefined:
    try:
        return estimator.estimate(estimator.add_up(rounds), level)
    except NoOverlapError as error:
        return Undefined(estimator=estimator.name, reason=str(error))
