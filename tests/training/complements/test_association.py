"""Counts of pairs, and what is made of them, against plain Python."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.complements.conftest import baskets_of
from training.complements.association import KEPT, Association, count_pairs, keep_strongest
from training.complements.judge import CANDIDATES

CONDITIONAL, LIFT = (
    Association(name="", own_exponent=1, other_exponent=other, shrinkage=0) for other in (0, 1)
)
many_baskets = st.lists(st.sets(st.integers(0, 8), min_size=1, max_size=5), min_size=1, max_size=40)


@given(many_baskets, st.sampled_from(CANDIDATES))
def test_strengths_are_the_formula_over_plain_counts(held: list[set[int]], formula: Association) -> None:
    single = Counter(product for basket in held for product in basket)
    both = Counter(pair for basket in held for pair in permutations(basket, 2))
    a, b, k = formula.own_exponent, formula.other_exponent, formula.shrinkage
    n = len(held)
    wanted = {
        (p, q): c / (single[p] ** a * single[q] ** b) * n ** (a + b - 1) * c / (c + k)
        for (p, q), c in both.items()
        if c >= 2 and min(single[p], single[q]) >= 5
    }
    baskets = baskets_of([(0, at, list(basket)) for at, basket in enumerate(held)], n_products=9)

    counts = count_pairs(baskets)
    kept = keep_strongest(counts, formula, baskets.product_ids, {"lately_days": 28})

    found = {}
    for place, product in enumerate(kept.product_ids):
        for entry in range(kept.starts[place], kept.starts[place + 1]):
            pair = (int(product[1:]), int(kept.product_ids[kept.others[entry]][1:]))
            found[pair] = float(kept.strengths[entry])
            assert kept.together[entry] == both[pair]
    assert found == pytest.approx(wanted, rel=1e-6)
    assert dict(zip(kept.product_ids, kept.baskets.tolist(), strict=True)) == {
        f"p{code:02d}": count for code, count in sorted(single.items()) if count >= 5
    }


def test_conditional_probability_and_lift_are_what_their_names_say() -> None:
    n_p, n_q, n_pq = (np.array([each]) for each in (20, 50, 10))

    conditional, lift = (each.strengths(100, n_p, n_q, n_pq)[0] for each in (CONDITIONAL, LIFT))

    assert conditional == pytest.approx(0.5)
    assert lift == pytest.approx(0.1 / (0.2 * 0.5))


def test_a_product_keeps_its_strongest_complements_only() -> None:
    hub, others = 0, range(1, KEPT + 11)
    told = [(0, 0, [hub, other]) for other in others for _ in range(4 + other)]
    baskets = baskets_of(told, n_products=KEPT + 11)

    kept = keep_strongest(count_pairs(baskets), CONDITIONAL, baskets.product_ids, {"lately_days": 28})

    mine = kept.together[kept.starts[hub] : kept.starts[hub + 1]]
    assert sorted(mine.tolist(), reverse=True) == mine.tolist()
    assert mine.tolist() == [4 + other for other in reversed(others)][:KEPT]
