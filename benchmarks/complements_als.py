"""Matrix factorisation on the carts that the complements are judged on: `implicit`'s ALS, in an environment of its own.

    uv venv /tmp/als && uv pip install --python /tmp/als implicit "numpy>=2.1" scipy pyarrow
    /tmp/als/bin/python -m benchmarks.complements_als var/data/complete-journey --factors 256 --alpha 40

The package is no dependency of ours: docs/complements.md has what it reaches and costs, and why.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import scipy.sparse

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # implicit's own threads fight with those of BLAS


def main() -> None:
    """Print the hit rate on a period, and what it takes."""
    from training.complements.baskets import NOT_OFFERED, read_baskets
    from training.complements.contest import find_hits, hit_rate
    from training.complements.judge import periods, set_stage
    from training.complements.report import N_CARTS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--factors", type=int, default=256)
    parser.add_argument("--alpha", type=float, default=40.0)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--period", choices=("validation", "test"), default="validation")
    given = parser.parse_args()
    baskets = read_baskets(given.dataset, not_offered=NOT_OFFERED.get(given.dataset.name, ()))
    stage = set_stage(baskets, periods(baskets)[given.period], n_carts=N_CARTS)
    started = time.perf_counter()
    ranker = als_ranker(stage.learnt, given)
    fitted = time.perf_counter()
    found = hit_rate(find_hits(ranker, stage.carts), stage.customers, np.random.default_rng(0))
    per_cart_ms = 1000 * (time.perf_counter() - fitted) / len(stage.carts)
    print(
        f"{given.factors} factors, alpha {given.alpha:g}, {given.period}: hit rate@10 {found.value:.2%} "
        f"({found.low:.2%} to {found.high:.2%}), fitted in {fitted - started:.0f} s, {per_cart_ms:.1f} ms a cart"
    )


def als_ranker(learnt, given):  # type: ignore[no-untyped-def]  # implicit has no types, and is not installed here
    """What goes with a cart by the factors of a new user who bought it."""
    from implicit.als import AlternatingLeastSquares

    from training.complements.association import LEAST_BASKETS

    held = np.bincount(learnt.products, minlength=len(learnt.product_ids))
    known = np.flatnonzero(held >= LEAST_BASKETS)
    place = np.full(len(learnt.product_ids), -1)
    place[known] = np.arange(len(known))
    kept = place[learnt.products] >= 0
    rows, columns = learnt.lines_of[kept], place[learnt.products[kept]]
    ones = np.ones(len(rows), dtype=np.float32)
    matrix = scipy.sparse.csr_matrix((ones, (rows, columns)), shape=(learnt.n_baskets, len(known)))
    model = AlternatingLeastSquares(
        factors=given.factors, alpha=given.alpha, iterations=given.iterations, num_threads=1, random_state=0
    )
    model.fit(matrix, show_progress=False)

    def rank(cart, leave_out, limit):  # type: ignore[no-untyped-def]
        items = place[cart][place[cart] >= 0]
        row = scipy.sparse.csr_matrix(
            (np.ones(len(items), dtype=np.float32), (np.zeros(len(items), dtype=int), items)), (1, len(known))
        )
        scores = model.recalculate_user(0, row).ravel() @ model.item_factors.T
        scores[place[leave_out][place[leave_out] >= 0]] = -np.inf
        return known[np.argpartition(-scores, limit)[:limit]]

    return rank


if __name__ == "__main__":
    main()
