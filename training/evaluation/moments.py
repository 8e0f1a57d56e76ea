"""Mergeable first and second moments of per-round terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import TooFewRoundsError


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Number, means and spread of per-round terms; the moments of two shards add up to those of both.

    means `(n_terms,)`; root `(n_terms, n_terms)` upper triangular with rootᵀ·root = Σ (t_i - mean)(t_i - mean)ᵀ. The root is
    kept instead of the product because the spread of a combination of terms, ‖root·g‖, then loses no digits when terms
    cancel: an estimate that the rewards fix exactly gets a width of 0, not of 1e-8. largest `(n_terms,)`.

    Source: Chan, Golub and LeVeque (1983), Algorithms for Computing the Sample Variance (the pairwise update), here in
    square-root form by a QR decomposition.
    """

    n_rounds: int
    means: Floats
    root: Floats
    largest: Floats

    @classmethod
    def of(cls, terms: Floats) -> Moments:
        """The moments of `(n_rounds, n_terms)`. Raises: `TooFewRoundsError` without a round."""
        if len(terms) == 0:
            raise TooFewRoundsError("found no rounds; wanted at least 1")
        means = terms.mean(axis=0)
        root = _triangle(terms - means)
        return cls(n_rounds=len(terms), means=means, root=root, largest=terms.max(axis=0))

    def __add__(self, other: Moments) -> Moments:
        n_rounds = self.n_rounds + other.n_rounds
        step = other.means - self.means
        between = np.sqrt(self.n_rounds * other.n_rounds / n_rounds) * step
        return Moments(
            n_rounds=n_rounds,
            means=self.means + step * (other.n_rounds / n_rounds),
            root=_triangle(np.vstack([self.root, other.root, between])),
            largest=np.maximum(self.largest, other.largest),
        )

    def variance(self, gradient: Floats) -> float:
        """The mean squared deviation (divisor n) of gradient·t_i from its mean."""
        return float(np.sum((self.root @ gradient) ** 2)) / self.n_rounds

    def effective_sample_size(self, term: int) -> float:
        """(Σt)²/Σt² of one term, 0 where it is always 0."""
        mean = float(self.means[term])
        squares = mean**2 + float(np.sum(self.root[:, term] ** 2)) / self.n_rounds
        return self.n_rounds * mean**2 / squares if squares > 0 else 0.0


def _triangle(rows: Floats) -> Floats:
    """The (n_terms, n_terms) factor; rows of zeros fill it up where there are fewer rows than terms."""
    n_terms = rows.shape[1]
    padded = np.vstack([rows, np.zeros((max(n_terms - len(rows), 0), n_terms))])
    return np.asarray(np.linalg.qr(padded, mode="r"), dtype=np.float64)
