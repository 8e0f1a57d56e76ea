"""Exact choice probabilities of Thompson sampling over independent normal posteriors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from models.feedback import Floats

REACH = 4.75  # standard deviations of a posterior that are looked at; the mass beyond is 1e-6
STEP = 0.7  # of the narrowest width: the trapezoid rule converges exponentially on such integrands
MOST_NODES = 96
_BLOCK = 16
_BLOCKS_A_WIDTH = 1 / (STEP * _BLOCK)
_EDGES = np.array([-8.0, -4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 8.0])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_MINUS_HALF = np.array(-0.5)
_PLACES = np.stack([np.ones(MOST_NODES), np.arange(MOST_NODES) + 0.5])
_FEW = 128  # rounds at a time, so that all of a step's numbers stay in the processor's cache


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
    won = thompson_weights(mean, scale)
    return np.asarray(won / np.add.reduce(won))


def thompson_weights(mean: Floats, scale: Floats) -> Floats:
    """`thompson_probabilities` before they are normalised."""
    means = mean.tolist()
    top = max(means)  # the origin, so that widths far below the means are not lost in rounding
    means, scales = [m - top for m in means], scale.tolist()
    lower, upper = _range(means, scales)
    narrowest = min([s for m, s in zip(means, scales, strict=True) if m + REACH * s > lower])
    n_nodes = math.ceil((upper - lower) / narrowest * _BLOCKS_A_WIDTH) * _BLOCK
    if n_nodes > MOST_NODES:
        return np.asarray(_pieces(mean[None] - top, scale[None], np.array([lower]), np.array([upper]))[0])
    step = (upper - lower) / n_nodes
    starts = [(lower - m) / s for m, s in zip(means, scales, strict=True)]
    lines = np.array([starts, [step / s for s in scales]])
    ratio, all_below = _factors(lines.T.dot(_PLACES[:, :n_nodes]))  # `dot`: half the overhead of `@`
    won: Floats = ratio.dot(all_below)
    won *= lines[1]
    return won


def _range(means: list[float], scales: list[float]) -> tuple[float, float]:
    """L and U; a loop over a few numbers takes less time than numpy's first step."""
    lower = upper = -math.inf
    for m, s in zip(means, scales, strict=True):
        reach = REACH * s
        if m - reach > lower:
            lower = m - reach
        if m + reach > upper:
            upper = m + reach
    return lower, upper


def thompson_probabilities_many(mean: Floats, scale: Floats) -> Floats:
    """`thompson_probabilities` of many rounds, `(n_rounds, n_actions)` for means and scales of that shape."""
    mean = mean - np.max(mean, axis=1, keepdims=True)
    lower = np.max(mean - REACH * scale, axis=1)
    high = mean + REACH * scale
    upper = np.max(high, axis=1)
    narrowest = np.min(np.where(high > lower[:, None], scale, np.inf), axis=1)
    nodes = np.ceil((upper - lower) / narrowest * _BLOCKS_A_WIDTH) * _BLOCK
    nodes[nodes > MOST_NODES] = 0
    won = np.empty_like(mean)
    for n_nodes in np.unique(nodes).astype(int).tolist():
        rows = np.flatnonzero(nodes == n_nodes)
        for start in range(0, len(rows), _FEW):
            part = rows[start : start + _FEW]
            rule = _pieces if n_nodes == 0 else _steps(n_nodes)
            won[part] = rule(mean[part], scale[part], lower[part], upper[part])
    won /= np.add.reduce(won, axis=1)[:, None]
    return won


Rule = Callable[[Floats, Floats, Floats, Floats], Floats]


def _steps(n_nodes: int) -> Rule:
    """The trapezoid rule of so many nodes."""

    def rule(mean: Floats, scale: Floats, lower: Floats, upper: Floats) -> Floats:
        step = (upper - lower) / n_nodes
        lines = np.stack([(lower[:, None] - mean) / scale, step[:, None] / scale], axis=2)
        z = (lines.reshape(-1, 2) @ _PLACES[:, :n_nodes]).reshape(*mean.shape, n_nodes)
        ratio, all_below = _factors(z)
        return np.asarray((ratio @ all_below[:, :, None])[:, :, 0] * lines[:, :, 1])

    return rule


def _pieces(mean: Floats, scale: Floats, lower: Floats, upper: Floats) -> Floats:
    """The piecewise rule."""
    edges = mean[:, :, None] + scale[:, :, None] * _EDGES
    edges = np.clip(edges.reshape(len(mean), -1), lower[:, None], upper[:, None])
    edges = np.sort(np.concatenate([edges, lower[:, None], upper[:, None]], axis=1), axis=1)
    half = np.diff(edges, axis=1)[:, :, None] / 2
    t = (edges[:, :-1, None] + half + half * _NODES).reshape(len(mean), 1, -1)
    z = (t - mean[:, :, None]) / scale[:, :, None]
    ratio, all_below = _factors(z)
    all_below *= (half * _WEIGHTS).reshape(len(mean), -1)
    return np.asarray((ratio @ all_below[:, :, None])[:, :, 0] / scale)


def _factors(z: Floats) -> tuple[Floats, Floats]:
    """φ(z_k)/Φ(z_k) without constant factor, and G = Π_k Φ(z_k), for z `(..., n_actions, n_nodes)`, which is overwritten.

    From L on no Φ is below 1e-6, so it can be divided by, and P_k = ∫ G·(φ/Φ)(z_k) dt / s_k needs one product for all k.
    """
    below = ndtr(z)
    z *= z
    z *= _MINUS_HALF
    ratio = np.exp(z, out=z)
    ratio /= below
    return ratio, np.multiply.reduce(below, axis=-2)
