"""BG/NBD: how many orders a customer will make, from how many they made and how lately.

While a customer is active they order as a Poisson process of rate λ; after each order they leave for good with probability
p. λ ~ Gamma(r, α) and p ~ Beta(a, b) over customers, independently. x: repeat orders, those after the first; t_x: from the
first order to the last; T: from the first order to now; all times in the same unit.

Source: Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24 (2), 275-284.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import betaln, gammaln, hyp2f1

from models.feedback import Floats
from training.measures.likelihood import Fit, FitError, maximise
from training.measures.note import Note


@dataclass(frozen=True)
class OrderHistory:
    """x, t_x and T of each customer, `(n_customers,)`."""

    repeats: Floats
    last_at: Floats
    age: Floats

    @cached_property
    def distinct(self) -> tuple[OrderHistory, Floats]:
        """Each history once, and how many customers have it: a likelihood costs that much less."""
        rows, counts = np.unique(
            np.column_stack([self.repeats, self.last_at, self.age]), axis=0, return_counts=True
        )
        return OrderHistory(*rows.T), counts.astype(np.float64)


def log_likelihoods(parameters: Floats, history: OrderHistory) -> Floats:
    """ln L of each customer, `(n_customers,)`, for (r, α, a, b); equation (6)."""
    r, alpha, a, b = parameters
    x, t_x, age = history.repeats, history.last_at, history.age
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    stayed = betaln(a, b + x) - (r + x) * np.log(alpha + age)
    left = np.full(len(x), -np.inf)
    again = x > 0
    left[again] = betaln(a + 1, b + x[again] - 1) - (r + x[again]) * np.log(alpha + t_x[again])
    return np.asarray(common + np.logaddexp(stayed, left))


def fit_bg_nbd(history: OrderHistory) -> Fit:
    """(r, α, a, b). Raises: `FitError` when nobody ordered twice."""
    if not (history.repeats > 0).any():
        raise FitError(Note("No customer ordered twice: nothing tells how often they do."))
    distinct, counts = history.distinct
    return maximise(lambda parameters: float(counts @ log_likelihoods(parameters, distinct)), 4)


def expected_orders(parameters: Floats, history: OrderHistory, horizon: float) -> Floats:
    """Expected orders of each customer from now to the horizon, `(n_customers,)`; equation (10).

    Its ₂F₁ is taken by Euler's transformation, ₂F₁(A, B; C; z) = (1-z)^(C-A-B) ₂F₁(C-A, C-B; C; z), whose terms stay small
    for hundreds of orders: the numerator becomes 1 - (1-z)^(a-1) ₂F₁(a+b-1-r, a-1; a+b+x-1; z), z = t/(α+T+t).
    """
    r, alpha, a, b = parameters
    x, t_x, age = history.repeats, history.last_at, history.age
    z = horizon / (alpha + age + horizon)
    spread = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
    orders = (a + b + x - 1) / (a - 1) * (1 - spread)
    again = x > 0
    left = np.zeros(len(x))
    left[again] = a / (b + x[again] - 1) * ((alpha + age[again]) / (alpha + t_x[again])) ** (r + x[again])
    return np.asarray(orders / (1 + left))
