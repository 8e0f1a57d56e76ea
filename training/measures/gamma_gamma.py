"""Gamma-Gamma: what a customer's orders are worth on average, from the mean of those seen.

An order's amount is Gamma(p, ν), of the customer's own rate ν, which is Gamma(q, γ) over customers, independent of how often
they order. z̄: the mean amount of the customer's x orders.

Source: Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from models.feedback import Floats
from training.measures.likelihood import Fit, FitError, maximise
from training.measures.note import Note


def log_likelihoods(parameters: Floats, mean_amount: Floats, n_orders: Floats) -> Floats:
    """ln L of each customer with z̄ > 0, `(n_customers,)`, for (p, q, γ)."""
    p, q, gamma = parameters
    shape = p * n_orders
    return np.asarray(
        gammaln(shape + q)
        - gammaln(shape)
        - gammaln(q)
        + q * np.log(gamma)
        + (shape - 1) * np.log(mean_amount)
        + shape * np.log(n_orders)
        - (shape + q) * np.log(gamma + n_orders * mean_amount)
    )


def fit_gamma_gamma(mean_amount: Floats, n_orders: Floats) -> Fit:
    """(p, q, γ), of the customers whose mean amount is positive; γ in the unit of the amounts.

    Raises: `FitError` for fewer than three of them.
    """
    paying = mean_amount > 0
    if paying.sum() < 3:
        raise FitError(
            Note("%(n)s customers paid anything; three are wanted at least.", {"n": int(paying.sum())})
        )
    unit = float(mean_amount[paying].mean())
    means, numbers = mean_amount[paying] / unit, n_orders[paying]
    fit = maximise(lambda parameters: float(log_likelihoods(parameters, means, numbers).sum()), 3)
    return Fit(parameters=fit.parameters * [1, 1, unit], log_covariance=fit.log_covariance)


def expected_amount(parameters: Floats, mean_amount: Floats, n_orders: Floats) -> Floats:
    """E(amount of an order | z̄, x) = p (γ + x z̄)/(p x + q - 1), `(n_customers,)`; needs p x + q > 1."""
    p, q, gamma = parameters
    return np.asarray(p * (gamma + n_orders * mean_amount) / (p * n_orders + q - 1))
