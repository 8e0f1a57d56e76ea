"""How strongly one product goes with another, from how often they were bought together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from models.complements import Complements
from training.complements.baskets import Baskets, Codes

LEAST_BASKETS: Final = 5
"""A product in fewer baskets is left out: what it was bought with is chance."""
LEAST_TOGETHER: Final = 2
"""Products that were bought together once only: chance, and half of all pairs."""
KEPT: Final = 50
"""Complements kept of a product."""


@dataclass(frozen=True, kw_only=True)
class Association:
    """s(p, q) = n_pq / (n_p^a · n_q^b) · n^(a + b - 1) · n_pq / (n_pq + k): a number without a unit.

    a = 1, b = 0 is the conditional probability P(q | p), which favours what is in every basket; a = b = 1 is lift, which
    favours the rare; a = b = 1/2 is the cosine. Between them, a = 1 and 0 < b < 1 divides the conditional probability by a
    power of q's popularity. k shrinks pairs that were seen a few times only: one seen k times counts half.

    Source: Deshpande and Karypis (2004), Item-Based Top-N Recommendation Algorithms, section 4.1 (cosine, and the
    conditional probability divided by a power of the popularity); the shrinkage is ours.
    """

    name: str
    own_exponent: float  # a
    other_exponent: float  # b
    shrinkage: float  # k

    def strengths(
        self, n: int, n_p: NDArray[np.int64], n_q: NDArray[np.int64], n_pq: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """s(p, q) of pairs, each array `(n_pairs,)`."""
        a, b = self.own_exponent, self.other_exponent
        plain = n_pq / (n_p**a * n_q**b) * float(n) ** (a + b - 1)
        return np.asarray(plain * n_pq / (n_pq + self.shrinkage), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class PairCounts:
    """How often products were bought together.

    known: the codes of the products that are in enough baskets, `(n_known,)`; baskets: how many those are. pairs: a sparse
    matrix `(n_known, n_known)` of the baskets with both, 0 on the diagonal.
    """

    n_baskets: int
    known: Codes
    baskets: NDArray[np.int64]
    pairs: Any


def count_pairs(baskets: Baskets, *, least_baskets: int = LEAST_BASKETS) -> PairCounts:
    """The counts over these baskets.

    Memory grows with the pairs that occur, once too: 21 million take 170 MB. A basket of m products costs m² steps.
    """
    n_products = len(baskets.product_ids)
    held = np.bincount(baskets.products, minlength=n_products)
    known = np.flatnonzero(held >= least_baskets).astype(np.int32)
    place = np.full(n_products, -1, dtype=np.int32)
    place[known] = np.arange(len(known), dtype=np.int32)
    kept = place[baskets.products] >= 0
    rows, columns = baskets.lines_of[kept], place[baskets.products[kept]]
    shape = (baskets.n_baskets, len(known))
    matrix = scipy.sparse.csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=shape)
    pairs = matrix.T.tocsr() @ matrix
    pairs.setdiag(0)
    pairs.data[pairs.data < LEAST_TOGETHER] = 0
    pairs.eliminate_zeros()
    pairs.sort_indices()
    return PairCounts(n_baskets=baskets.n_baskets, known=known, baskets=held[known], pairs=pairs)


def keep_strongest(
    counts: PairCounts, association: Association, product_ids: tuple[str, ...], about: dict[str, Any]
) -> Complements:
    """The `KEPT` strongest complements of each known product; `about` is what else the manifest is to say."""
    pairs, held = counts.pairs, counts.baskets
    lengths = np.diff(pairs.indptr)
    together = pairs.data.astype(np.int64)
    strengths = association.strengths(
        counts.n_baskets, np.repeat(held, lengths), held[pairs.indices], together
    )
    chosen = np.concatenate(
        [
            start + np.argsort(-strengths[start:end], kind="stable")[:KEPT]
            for start, end in zip(pairs.indptr[:-1], pairs.indptr[1:], strict=True)
        ]
        or [np.empty(0, dtype=np.int64)]
    ).astype(np.int64)
    return Complements(
        product_ids=tuple(product_ids[code] for code in counts.known),
        starts=np.concatenate([[0], np.cumsum(np.minimum(lengths, KEPT))]).astype(np.int64),
        others=pairs.indices[chosen].astype(np.int32),
        strengths=strengths[chosen].astype(np.float32),
        together=together[chosen].astype(np.int32),
        baskets=held.astype(np.int32),
        about={"n_baskets": counts.n_baskets, **about},
    )
