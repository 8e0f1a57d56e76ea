"""Exact choice probabilities of Thompson sampling over independent normal posteriors."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from models.feedback import Floats

REACH = 4.75  # standard deviations of a posterior that are looked at; the mass beyond is 1e-6
STEP = 0.7  # of the narrowest width: the trapezoid rule converges exponentially on such integrands
MOST_NODES = 96
_BLOCK = 16
_EDGES = np.array([-8.0, -4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 8.0])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_EVEN = np.ones(1)
_PLACES = np.arange(MOST_NODES) + 0.5
_FEW = 32  # rounds at a time, so that all of a step's numbers stay in the processor's cache


def thompson_probabilities(mean: Floats, scale: Floats) -> Floats:
    """The probability that each of K independent normals is the largest, `(n_actions,)`.

    P_k = ∫ f_k(t) Π_{j≠k} F_j(t) dt, with f and F the density and distribution function of N(mean_k, scale_k²); normalised
    at the end. A mean of -inf is an action that cannot win. mean, scale `(n_actions,)`, scale > 0.

    The largest lies between L = max_j(m_j - c·s_j) and U = max_j(m_j + c·s_j), c = `REACH`. Where the narrowest posterior
    that reaches L is not very narrow, the trapezoid rule runs over [L, U] in steps of `STEP` of its width (Trefethen and
    Weideman 2014, The Exponentially Convergent Trapezoidal Rule). Where that takes more than `MOST_NODES`, [L, U] is cut at
    the edges m_j + s_j·{-8, ..., 8} of *every* posterior, so that a narrow one is resolved even inside a very wide one,
    and each piece gets four Gauss-Legendre nodes. Right to 1e-5 in both cases.
    """
    means, scales = mean.tolist(), scale.tolist()
    posteriors = list(zip(means, scales, strict=True))
    lower = max(m - REACH * s for m, s in posteriors)
    upper = max(m + REACH * s for m, s in posteriors)
    narrowest = min(s for m, s in posteriors if m + REACH * s > lower)
    n_nodes = math.ceil((upper - lower) / narrowest * (1 / (STEP * _BLOCK))) * _BLOCK
    if n_nodes > MOST_NODES:
        t, weight = _pieces(mean[None], scale[None], np.array([lower]), np.array([upper]))
        return _shares(t[0], mean, scale, weight[0])
    return _shares(lower + ((upper - lower) / n_nodes) * _PLACES[:n_nodes], mean, scale, _EVEN)


def thompson_probabilities_many(mean: Floats, scale: Floats) -> Floats:
    """`thompson_probabilities` of many rounds, `(n_rounds, n_actions)` for means and scales of that shape."""
    lower = np.max(mean - REACH * scale, axis=1)
    high = mean + REACH * scale
    upper = np.max(high, axis=1)
    narrowest = np.min(np.where(high > lower[:, None], scale, np.inf), axis=1)
    nodes = np.ceil((upper - lower) / narrowest * (1 / (STEP * _BLOCK))) * _BLOCK
    nodes[nodes > MOST_NODES] = 0
    found = np.empty_like(mean)
    for n_nodes in np.unique(nodes).astype(int).tolist():
        rows = np.flatnonzero(nodes == n_nodes)
        for start in range(0, len(rows), _FEW):
            part = rows[start : start + _FEW]
            m, s, low, up = mean[part], scale[part], lower[part], upper[part]
            if n_nodes == 0:
                t, weight = _pieces(m, s, low, up)
            else:
                t, weight = low[:, None] + ((up - low) / n_nodes)[:, None] * _PLACES[:n_nodes], _EVEN
            found[part] = _shares(t, m, s, weight)
    return found


def _shares(t: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
    """Σ_i w_i G(t_i) f_k(t_i) / F_k(t_i) with G = Π F_j, normalised over k; from L on no F_k is below 1e-6."""
    inverse = 1 / scale
    z = t[..., None, :] - mean[..., None]
    z *= inverse[..., None]
    below = ndtr(z)
    z *= z
    z *= -0.5
    density = np.exp(z, out=z)
    density /= below
    all_below = np.multiply.reduce(below, axis=-2)
    all_below *= weight
    won = np.matmul(density, all_below[..., None])[..., 0]
    won *= inverse
    won /= np.add.reduce(won, axis=-1, keepdims=True)
    return np.asarray(won)


def _pieces(mean: Floats, scale: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights of the piecewise rule, `(n_rounds, n_nodes)` each."""
    edges = mean[:, :, None] + scale[:, :, None] * _EDGES
    edges = np.clip(edges.reshape(len(mean), -1), lower[:, None], upper[:, None])
    edges = np.sort(np.concatenate([edges, lower[:, None], upper[:, None]], axis=1), axis=1)
    half = np.diff(edges, axis=1)[:, :, None] / 2
    t = edges[:, :-1, None] + half + half * _NODES
    return t.reshape(len(mean), -1), (half * _WEIGHTS).reshape(len(mean), -1)
