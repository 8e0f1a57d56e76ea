"""Why an evaluation cannot be made.

EvaluationError
├── NoOverlapError        no logged round could have come from the evaluation policy
├── TooFewRoundsError     not enough rounds to fit or to state a spread
├── RewardModelError      a reward model is needed and was not given, or does not fit the rounds
├── PolicyError           the evaluation policy's probabilities are not a distribution over the eligible actions
└── LogError              a log that cannot be found or read as one
"""

from __future__ import annotations


class EvaluationError(ValueError):
    """An evaluation that cannot be made; the message names what was found and what is wanted."""


class NoOverlapError(EvaluationError):
    """No logged round could have come from the evaluation policy: its value is undefined, not 0."""


class TooFewRoundsError(EvaluationError):
    """Fewer rounds than the computation needs."""


class RewardModelError(EvaluationError):
    """Predictions of the reward are missing or do not fit the rounds."""


class PolicyError(EvaluationError):
    """The evaluation policy is unknown or its probabilities are no distribution over the eligible actions."""


class LogError(EvaluationError):
    """A log that cannot be found, or a record of it that cannot be read."""
