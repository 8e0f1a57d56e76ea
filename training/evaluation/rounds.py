"""What an estimator may see of a log and an evaluation policy: one row of numbers a round."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from models.feedback import Booleans, Floats, Integers, LoggedFeedback
from training.evaluation.errors import EvaluationError, PolicyError, RewardModelError

_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class EvaluatedRounds:
    """Logged rounds beside what the evaluation policy and the reward model say about them, `(n_rounds,)` each.

    rewards r and propensities p as logged; evaluation_propensities π(a|x) of the *logged* action; draws, one uniform number
    in [0, 1) a round, used by estimators that reject rounds at random (so that shards add up to the same estimate);
    predicted_rewards q(x,a) of the logged action and predicted_values q(x,π), both None where no reward model was fitted;
    kind_weights π(e|x)/p(e|x) of the logged action's kind e, None where actions have no kinds or p(e|x) is not known.
    """

    rewards: Floats
    propensities: Floats
    evaluation_propensities: Floats
    draws: Floats
    predicted_rewards: Floats | None = None
    predicted_values: Floats | None = None
    kind_weights: Floats | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            column = getattr(self, field.name)
            if column is None:
                continue
            if column.shape != self.rewards.shape:
                raise EvaluationError(f"{field.name} has shape {column.shape}; wanted {self.rewards.shape}")
            if not np.isfinite(column).all():
                raise EvaluationError(f"{field.name} holds a number that is not finite")
        if not ((self.propensities > 0) & (self.propensities <= 1)).all():
            raise EvaluationError(f"propensities reach {self.propensities.min()}; wanted in (0, 1]")
        if not ((self.evaluation_propensities >= 0) & (self.evaluation_propensities <= 1 + _TOLERANCE)).all():
            raise PolicyError("evaluation_propensities leave [0, 1]")

    @property
    def n_rounds(self) -> int:
        """The number of rounds."""
        return len(self.rewards)

    @property
    def weights(self) -> Floats:
        """Importance weights w = π(a|x)/p, `(n_rounds,)`."""
        return self.evaluation_propensities / self.propensities

    def predictions(self) -> tuple[Floats, Floats]:
        """q(x,a) of the logged action and q(x,π). Raises: `RewardModelError` where there are none."""
        if self.predicted_rewards is None or self.predicted_values is None:
            raise RewardModelError(
                "the rounds carry no predicted rewards; this estimator needs a reward model"
            )
        return self.predicted_rewards, self.predicted_values

    def weights_of_kinds(self) -> Floats:
        """w(x,e). Raises: `EvaluationError` where there are none."""
        if self.kind_weights is None:
            raise EvaluationError(
                "the rounds carry no weights of kinds; this estimator needs kinds of actions"
            )
        return self.kind_weights

    def take(self, rows: Integers | Booleans | slice) -> EvaluatedRounds:
        """The chosen rounds, in the order given."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v[rows] for k, v in columns.items() if v is not None})


def evaluate_rounds(
    feedback: LoggedFeedback, probabilities: Floats, draws: Floats, predictions: Floats | None = None
) -> EvaluatedRounds:
    """The rounds as an estimator sees them under a policy with these probabilities.

    probabilities and predictions `(n_rounds, n_actions)`, the latter q(x,a) from a model that did not see the round.

    Raises: `PolicyError` when a row is no distribution over the round's eligible actions, `RewardModelError` when the
    predictions have another shape.
    """
    _check_distribution(feedback, probabilities)
    rows = np.arange(feedback.n_rounds)
    rounds = EvaluatedRounds(
        rewards=feedback.rewards,
        propensities=feedback.propensities,
        evaluation_propensities=probabilities[rows, feedback.actions],
        draws=draws,
    )
    if predictions is None:
        return rounds
    if predictions.shape != probabilities.shape:
        raise RewardModelError(f"predictions have shape {predictions.shape}; wanted {probabilities.shape}")
    values = np.sum(probabilities * predictions, axis=1)
    return replace(rounds, predicted_rewards=predictions[rows, feedback.actions], predicted_values=values)


def weigh_kinds(feedback: LoggedFeedback, probabilities: Floats, behavior: Floats, kinds: Integers) -> Floats:
    """π(e|x)/p(e|x) of each logged action's kind, `(n_rounds,)`: the probabilities of a kind's actions are added up.

    probabilities π and behavior p `(n_rounds, n_actions)`; kinds `(n_actions,)`, numbers from 0.

    Raises: `PolicyError` when a shape does not fit or a logged action's kind has no chance under the behaviour policy.
    """
    for name, found, wanted in (
        ("behavior", behavior.shape, probabilities.shape),
        ("kinds", kinds.shape, (feedback.n_actions,)),
    ):
        if found != wanted:
            raise PolicyError(f"{name} has shape {found}; wanted {wanted}")
    same_kind = (kinds[:, None] == kinds[None, :]).astype(np.float64)[feedback.actions]
    under_policy, under_behavior = (np.sum(table * same_kind, axis=1) for table in (probabilities, behavior))
    if not (under_behavior > 0).all():
        raise PolicyError("the behaviour policy gives the kind of a logged action no chance")
    return np.asarray(under_policy / under_behavior)


def evaluate_logged_rounds(
    feedback: LoggedFeedback, draws: Floats, predictions: Floats | None = None
) -> EvaluatedRounds:
    """The rounds under the behaviour policy itself, of which only the logged action's probability is known.

    q(x,π) is then its one-draw estimate q(x,a): every estimator comes down to the mean reward.
    """
    logged = None if predictions is None else predictions[np.arange(feedback.n_rounds), feedback.actions]
    return EvaluatedRounds(
        rewards=feedback.rewards,
        propensities=feedback.propensities,
        evaluation_propensities=feedback.propensities,
        draws=draws,
        predicted_rewards=logged,
        predicted_values=logged,
    )


def _check_distribution(feedback: LoggedFeedback, probabilities: Floats) -> None:
    if probabilities.shape != feedback.eligible.shape:
        raise PolicyError(f"probabilities have shape {probabilities.shape}; wanted {feedback.eligible.shape}")
    wrong_sum = ~(np.abs(probabilities.sum(axis=1) - 1) <= _TOLERANCE)
    outside = ~((probabilities >= 0) & ((probabilities == 0) | feedback.eligible)).all(axis=1)
    for at_fault, what in (
        (wrong_sum, "do not sum to 1"),
        (outside, "are negative or on an ineligible action"),
    ):
        if at_fault.any():
            first = int(np.argmax(at_fault))
            raise PolicyError(
                f"the policy's probabilities of round {first} {what} ({int(at_fault.sum())} rounds so)"
            )
