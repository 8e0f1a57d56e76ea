"""Sums of products that are the same to the bit in whatever order, and with whatever instructions, they are added up.

A matrix product of one row may round otherwise than the same row among others, and otherwise on another processor. Not so
where every product and every partial sum is a float exactly: then a decision is the same alone, beside others, and made
again elsewhere.
"""

from __future__ import annotations

import math

import numpy as np

from models.feedback import Floats

_PRECISION = 53
_LEAST = np.finfo(np.float64).tiny


def on_grid(values: Floats, limit: float, n_terms: int) -> Floats:
    """The values, none of them larger than `limit`, as multiples of a power of two that leaves room for exact sums.

    Sums of `n_terms` products of two such factors are exact: a factor takes the values 0 to 2^b of its grid, a product
    2^2b, the sum 2^(2b + log2 n), which is at most 2^53. With 9 terms b is 24, so that a value moves by less than 2^-24 of
    the limit.

    >>> on_grid(np.array([0.1, 1.0]), 1.0, 9).tolist()
    [0.10000002384185791, 1.0]
    """
    bits = (_PRECISION - math.ceil(math.log2(max(n_terms, 1)))) // 2
    step = 2.0 ** (math.ceil(math.log2(max(limit, _LEAST))) - bits)
    return np.rint(values / step) * step
