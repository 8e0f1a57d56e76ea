"""Exact choice probabilities of Thompson sampling over independent normal posteriors."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from models.feedback import Floats

_EDGES = np.array([-8.0, -4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 8.0])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_SQRT_2PI = np.sqrt(2 * np.pi)


def thompson_probabilities(mean: Floats, scale: Floats) -> Floats:
    """The probability that each of K independent normals is the largest, `(n_actions,)`.

    P_k = ∫ f_k(t) Π_{j≠k} F_j(t) dt, with f and F the density and distribution function of N(mean_k, scale_k²). The line is
    cut at the edges m_j + s_j·{-8, ..., 8} of *every* posterior, so that a narrow one is resolved even inside a very wide
    one, and each piece is integrated with four Gauss-Legendre nodes; normalised at the end. About 30 µs for five actions.
    mean, scale `(n_actions,)`, scale > 0.
    """
    if len(mean) == 1:
        return np.ones(1)
    edges = np.sort((mean + scale * _EDGES[:, None]).ravel())
    half = np.diff(edges)[:, None] / 2
    t = (edges[:-1, None] + half + half * _NODES).ravel()
    z = (t[:, None] - mean) / scale
    below = ndtr(z)
    density = np.exp(-0.5 * z * z) / (_SQRT_2PI * scale)
    weight = (half * _WEIGHTS).ravel()
    probabilities = weight @ (density * _product_of_others(below))
    return np.asarray(probabilities / probabilities.sum())


def _product_of_others(values: Floats) -> Floats:
    """Π_{j≠k} values_j along the last axis, without dividing: a factor may be 0."""
    n_actions = values.shape[-1]
    product = np.ones_like(values)
    before = np.ones(values.shape[:-1])
    after = np.ones(values.shape[:-1])
    for k in range(n_actions):
        product[..., k] *= before
        before = before * values[..., k]
        product[..., n_actions - 1 - k] *= after
        after = after * values[..., n_actions - 1 - k]
    return product
