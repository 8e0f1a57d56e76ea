"""The one shape of every estimator, and what comes out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import EvaluationError, NoOverlapError
from training.evaluation.interval import linearised_error, t_interval
from training.evaluation.moments import Moments
from training.evaluation.rounds import EvaluatedRounds


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A policy value with its uncertainty, in the reward's unit per round.

    low and high bound the two-sided interval of `level`; effective_sample_size and largest_weight are those of the weights
    that this estimator put on the rounds, the latter as a share of all weight. caveat: what its interval leaves out.
    """

    estimator: str
    value: float
    standard_error: float
    low: float
    high: float
    level: float
    n_rounds: int
    effective_sample_size: float
    largest_weight_share: float
    caveat: str = ""


class Estimator(ABC):
    """A smooth function of the means of per-round terms: `terms` says which, `value` and `gradient` say what of them.

    The last term is always the round's weight. Because the sums are the moments of the terms, shards and streams add up;
    because value and gradient are all that is left, two policies can be compared on the same rounds by stacking terms.
    """

    name: ClassVar[str]
    is_self_normalised: ClassVar[bool]
    """Whether a constant reward gives that constant, whatever the weights and the reward model."""

    @property
    def caveat(self) -> str:
        """What its interval leaves out, empty where that is nothing beyond the package's general assumptions."""
        return ""

    @abstractmethod
    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """Per-round terms `(n_rounds, n_terms)`, the weight last."""

    def value(self, means: Floats) -> Floats:
        """The policy value at the terms' means, that of the first term as a rule; `(..., n_terms)` gives `(...)`."""
        return np.asarray(means[..., 0])

    def gradient(self, means: Floats) -> Floats:
        """The derivatives of `value` there, `(n_terms,)`."""
        return np.asarray(np.eye(len(means))[0])

    def add_up(self, rounds: EvaluatedRounds) -> Moments:
        """The mergeable sums of these rounds."""
        return Moments.of(self.terms(rounds))

    def estimate(self, moments: Moments, level: float = 0.95) -> Estimate:
        """The estimate from the sums, with its linearised (delta method) interval.

        The interval is Student's t with ESS - 1 degrees of freedom; using the ESS instead of n is a caution for few
        effective rounds, not a theorem.
        Measured coverage of 95 % intervals on 1,000 simulated logs of 800 rounds: 93.5-95.5 % where a floor bounds the
        weights by 20, 93-94.5 % where nothing bounds them (ESS 384, largest share up to 11 %): too short, if anything.

        Raises: `NoOverlapError` when all weights are 0.
        """
        effective = moments.effective_sample_size(-1)
        if effective == 0:
            raise NoOverlapError(
                f"{self.name}: none of {moments.n_rounds} logged rounds carries weight under the evaluation policy; "
                "wanted at least 2"
            )
        value = float(self.value(moments.means))
        error = linearised_error(moments, self.gradient(moments.means), effective)
        low, high = t_interval(value, error, effective - 1, level)
        return Estimate(
            estimator=self.name,
            value=value,
            standard_error=error,
            low=low,
            high=high,
            level=level,
            n_rounds=moments.n_rounds,
            effective_sample_size=effective,
            largest_weight_share=float(moments.largest[-1] / (moments.n_rounds * moments.means[-1])),
            caveat=self.caveat,
        )


def check_parameter(name: str, value: float) -> None:
    """Raises `EvaluationError` unless the parameter is above 0; infinity is allowed and switches it off."""
    if not value > 0:
        raise EvaluationError(f"{name} is {value}; wanted above 0")
