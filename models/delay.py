"""How long answers take to come, and what a round counts whose answer may still come."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from models.feedback import Floats, Integers

_POINTS: Final = 500


class DelayError(ValueError):
    """Delays that cannot be estimated from these rounds; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class DelayDistribution:
    """F(t) = P(an answer has come t hours after the round | it comes within the window).

    A step function: `arrived` `(n,)` are its values from `hours` `(n,)` on, ascending, the last one 1.
    """

    hours: Floats
    arrived: Floats
    window_hours: float

    def arrived_by(self, ages: Floats) -> Floats:
        """F at each age in hours; 0 before the first answer ever seen, 1 from the window's end on."""
        place = np.searchsorted(self.hours, ages, side="right")
        share = np.concatenate([[0.0], self.arrived])[place]
        return np.where(ages >= self.window_hours, 1.0, share)


def estimate_delays(
    delays: Floats, ages: Floats, *, window_hours: float, counts: Floats | None = None
) -> DelayDistribution:
    """F from rounds of which some are still open: the Kaplan-Meier estimate over all of them.

    delays `(n_rounds,)` in hours, nan where no answer came yet; ages `(n_rounds,)`: how long ago each round was; counts
    `(n_rounds,)`: how many such rounds there were, 1 by default. A round is watched until its answer, its age or the
    window's end, whichever comes first. One whose answer never comes leaves the watched at its end like one that is still
    open, so 1 - S(t), S(t) = Π_{s ≤ t} (1 - answers at s / watched until s), is P(answer by t), never-comers included, and
    F(t) = (1 - S(t)) / (1 - S(window)). Taken as given: how late an answer comes depends neither on the round's age nor on
    who answers what.

    Raises: `DelayError` without any answer within the window, or when no round is as old as the window.
    Source: Kaplan and Meier (1958), Nonparametric Estimation from Incomplete Observations, section 2.
    """
    counts = np.ones(len(delays)) if counts is None else counts
    came = delays <= np.minimum(ages, window_hours)
    if not came.any():
        raise DelayError(f"no answer within {window_hours} hours among {len(delays)} rounds")
    if not (ages >= window_hours).any():
        raise DelayError(f"the oldest round is {ages.max()} hours old; wanted one of {window_hours} at least")
    watched_until = np.where(came, delays, np.minimum(ages, window_hours))
    hours, which = np.unique(delays[came], return_inverse=True)
    answers = np.bincount(which, weights=counts[came])
    order = np.argsort(watched_until)
    left = np.concatenate([[0.0], np.cumsum(counts[order])])
    watched = left[-1] - left[np.searchsorted(watched_until[order], hours, side="left")]
    by = 1 - np.cumprod(1 - answers / watched)
    return DelayDistribution(hours=hours, arrived=by / by[-1], window_hours=window_hours)


@dataclass(frozen=True, kw_only=True)
class ExpectedDelay:
    """What is thought of the delays before any are seen: exponential with this median, cut at the window's end.

    It weighs as much as `answers` answers, so that the first real ones do not decide everything, and a campaign younger than
    its window has a distribution at all.
    """

    median_hours: float
    answers: int = 20

    def arrived_by(self, ages: Floats, window_hours: float) -> Floats:
        """The expected F at each age in hours."""
        within = np.clip(ages, 0.0, window_hours)
        return np.asarray(np.expm1(-within / self._scale) / np.expm1(-window_hours / self._scale))

    def quantiles(self, window_hours: float) -> Floats:
        """`_POINTS` delays evenly spread over the distribution, in hours."""
        middle = (np.arange(_POINTS) + 0.5) / _POINTS
        return np.asarray(-self._scale * np.log1p(middle * np.expm1(-window_hours / self._scale)))

    @property
    def _scale(self) -> float:
        return self.median_hours / math.log(2)


def estimate_with_expected(
    delays: Floats, ages: Floats, counts: Floats, *, window_hours: float, expected: ExpectedDelay
) -> DelayDistribution:
    """`estimate_delays` as if `expected.answers` closed rounds of the expected delays had been seen besides.

    Silent rounds are added with them, as many for an answer as the rounds seen will have by the expected delays, so that
    they change the delays and not the rate. Where all rounds are younger than some age, F beyond it is the expected one.
    """
    quantiles = expected.quantiles(window_hours)
    n_answers = max(float(counts[delays <= np.minimum(ages, window_hours)].sum()), 1.0)
    exposed_rounds = float(counts @ expected.arrived_by(ages, window_hours))
    silent = max(exposed_rounds / n_answers - 1, 0.0) * expected.answers
    return estimate_delays(
        np.concatenate([delays, quantiles, [np.nan]]),
        np.concatenate([ages, np.full(len(quantiles) + 1, window_hours)]),
        window_hours=window_hours,
        counts=np.concatenate([counts, np.full(_POINTS, expected.answers / _POINTS), [silent]]),
    )


def exposures(distribution: DelayDistribution, ages: Floats) -> Floats:
    """What each round counts: F(age), the share of its answer that could be here by now; 1 once its window is closed.

    With y = 1 where an answer is here and p(x) the chance that one ever comes, E[y | x] = F(age)·p(x). So Σy / ΣF(age) has
    expectation p, and in a regression F(age)·xxᵀ and y·x have normal equations that the true p solves: an open round is
    neither a zero nor dropped. Young rounds count less, so where p moves over time and x does not say so, the answer leans
    to the older ones; Σ y/F(age) / n would not, at the price of more noise (the inverse weights of Saito, Morishita and
    Yasui (2019), Dual Learning Algorithm for Delayed Feedback in Display Advertising).
    Source: Chapelle (2014), Modeling Delayed Feedback in Display Advertising: P(no answer yet) = 1 - p + p·P(delay > age),
    which is 1 - p·F(age). There delays are exponential and depend on x; here they are neither.
    """
    return distribution.arrived_by(ages)


class Sums(Protocol):
    """Sums over rounds: those of other rounds are added and taken away, and a round may count in part."""

    def __add__(self, other: Self, /) -> Self: ...

    def __sub__(self, other: Self, /) -> Self: ...

    def scaled(self, weight: float) -> Self:
        """Each round counted `weight` times."""


SomeSums = TypeVar("SomeSums", bound=Sums)


@runtime_checkable
class Additive(Protocol[SomeSums]):
    """A policy whose state is a sum over rounds, so that a round may count in part."""

    statistics: SomeSums

    def sums(self, contexts: Floats, actions: Integers, rewards: Floats) -> SomeSums:
        """What learning these rounds adds to the statistics."""


def exposed(silent: SomeSums, answered: SomeSums, exposure: float) -> SomeSums:
    """What open rounds of one exposure F teach: F·silent + (answered - silent).

    silent: the sums of the rounds had nothing come back; answered: with what did. What a silent round says (its features,
    its cost) counts F; what an answer adds counts whole, since it is here: for rewards of 0 and 1 that is F·Σxxᵀ and Σr·x.
    """
    return silent.scaled(exposure) + (answered - silent)
