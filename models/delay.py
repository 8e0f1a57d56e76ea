"""How long answers take to come, and what a round counts whose answer may still come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats, Integers
from models.linear_statistics import LinearStatistics


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


def estimate_delays(delays: Floats, ages: Floats, *, window_hours: float) -> DelayDistribution:
    """F from rounds of which some are still open: the Kaplan-Meier estimate over all of them.

    delays `(n_rounds,)` in hours, nan where no answer came yet; ages `(n_rounds,)`: how long ago each round was. A round is
    watched until its answer, its age or the window's end, whichever comes first. One whose answer never comes leaves the
    watched at its end like one that is still open, so 1 - S(t), S(t) = Π_{s ≤ t} (1 - answers at s / watched until s), is
    P(answer by t), never-comers included, and F(t) = (1 - S(t)) / (1 - S(window)). Taken as given: how late an answer comes
    depends neither on the round's age nor on who answers what.

    Raises: `DelayError` without any answer within the window, or when no round is as old as the window.
    Source: Kaplan and Meier (1958), Nonparametric Estimation from Incomplete Observations, section 2.
    """
    came = delays <= np.minimum(ages, window_hours)
    if not came.any():
        raise DelayError(f"no answer within {window_hours} hours among {len(delays)} rounds")
    if not (ages >= window_hours).any():
        raise DelayError(f"the oldest round is {ages.max()} hours old; wanted one of {window_hours} at least")
    watched_until = np.sort(np.where(came, delays, np.minimum(ages, window_hours)))
    hours, answers = np.unique(delays[came], return_counts=True)
    watched = len(delays) - np.searchsorted(watched_until, hours, side="left")
    by = 1 - np.cumprod(1 - answers / watched)
    return DelayDistribution(hours=hours, arrived=by / by[-1], window_hours=window_hours)


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


def exposed_statistics(
    design: Floats, posteriors: Integers, rewards: Floats, exposed: Floats, n_posteriors: int
) -> LinearStatistics:
    """The sums of rounds that count `exposed` each: Σ F·xxᵀ, Σ r·x, Σ r² and ΣF, rewards 0 where no answer is here.

    With F = 1 everywhere these are the plain sums. A round with F = 0 must have no reward and adds nothing. Σr² is the
    plain one: with r/F in place of r the noise of very young rounds would be counted as the world's.
    """
    sums = LinearStatistics.of(design, posteriors, rewards, n_posteriors)
    weighted = LinearStatistics.of(design * np.sqrt(exposed)[:, None], posteriors, rewards, n_posteriors)
    count = np.bincount(posteriors, weights=exposed, minlength=n_posteriors).astype(np.float64)
    return LinearStatistics(count, weighted.xx, sums.rx, sums.rr)
