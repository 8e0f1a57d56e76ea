"""Did the variants come out as they were drawn? A check that may be looked at as often as one likes."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from models.feedback import Floats, Integers


def allocation_p_value(actions: Integers, probabilities: Floats) -> float:
    """A p-value that holds at every time at once, of rounds `(n_rounds,)` drawn with `(n_rounds, n_variants)`.

    p = min(1, Π_t π_t(a_t) / m), m = Γ(K)/Γ(n+K) Π_k n_k! the probability of the same draws under shares that are uniform on
    the simplex beforehand. 1/p is a non-negative martingale if the draws were as declared, so P(p ever ≤ α) ≤ α (Ville).

    Source: Lindon and Malek (2022), Anytime-Valid Inference for Multinomial Count Data, NeurIPS.

    >>> allocation_p_value(np.repeat([0, 1], 50), np.full((100, 2), 0.5))
    1.0
    """
    n, n_variants = probabilities.shape
    counts = np.bincount(actions, minlength=n_variants)
    mixed = gammaln(n_variants) - gammaln(n + n_variants) + gammaln(counts + 1.0).sum()
    declared = np.log(probabilities[np.arange(n), actions]).sum()
    return float(np.exp(min(declared - mixed, 0.0)))
