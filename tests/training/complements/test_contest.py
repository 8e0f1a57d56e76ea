"""Carts with one product hidden, and how often a ranker finds it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.complements.conftest import baskets_of
from training.complements.association import count_pairs, keep_strongest
from training.complements.baskets import Baskets
from training.complements.contest import DAY_S, OFFERED, difference, draw_carts, find_hits, hit_rate
from training.complements.judge import ASSOCIATION, LATELY_DAYS
from training.complements.ranker import (
    best_of_categories_ranker,
    category_ranker,
    complements_ranker,
    popularity_ranker,
    random_ranker,
)

SINCE_S = 150 * DAY_S


def test_a_cart_is_a_later_basket_without_a_product_that_was_not_bought_lately(paired: Baskets) -> None:
    held, starts = {}, paired.starts
    for n in range(paired.n_baskets):
        basket = frozenset(paired.products[starts[n] : starts[n + 1]].tolist())
        held[n] = (int(paired.customers[n]), int(paired.ordered_s[n]), basket)

    carts = draw_carts(paired, SINCE_S, lately_days=28, n_carts=300, rng=np.random.default_rng(0))

    assert len(carts) == 300
    for cart in carts:
        whole = frozenset([*cart.products.tolist(), cart.hidden])
        fitting = [
            recent
            for customer, at, basket in held.values()
            if customer == cart.customer and basket == whole and at >= SINCE_S
            for recent in [bought(list(held.values()), customer, at - 28 * DAY_S, at)]
            if cart.hidden not in recent and set(cart.leave_out.tolist()) == (whole - {cart.hidden}) | recent
        ]
        assert fitting


def bought(held: list[tuple[int, int, frozenset[int]]], who: int, since: int, until: int) -> frozenset[int]:
    return frozenset().union(
        *(basket for customer, at, basket in held if customer == who and since <= at < until)
    )


def test_a_basket_whose_every_product_was_bought_lately_is_passed_over() -> None:
    told = [(0, 0, [1, 2]), (0, DAY_S, [1, 2]), (1, DAY_S, [1, 2]), (1, 2 * DAY_S, [3])]
    baskets = baskets_of(told)

    carts = draw_carts(baskets, DAY_S, lately_days=7, n_carts=10, rng=np.random.default_rng(0))

    assert [cart.customer for cart in carts] == [1]


def test_who_knows_what_is_hidden_always_hits_and_who_offers_the_cart_never_does(paired: Baskets) -> None:
    carts = draw_carts(paired, SINCE_S, lately_days=28, n_carts=50, rng=np.random.default_rng(1))
    hidden = iter([cart.hidden for cart in carts])

    oracle = find_hits(lambda *_: np.array([next(hidden)], dtype=np.int32), carts)
    echo = find_hits(lambda cart, *_: cart, carts)

    assert oracle.all()
    assert not echo.any()


def test_what_is_judged_is_what_is_served(paired: Baskets) -> None:
    counts = count_pairs(paired)
    kept = keep_strongest(counts, ASSOCIATION, paired.product_ids, {"lately_days": LATELY_DAYS})
    ranker = complements_ranker(kept, counts, len(paired.product_ids))
    carts = draw_carts(paired, SINCE_S, lately_days=28, n_carts=50, rng=np.random.default_rng(2))

    for cart in carts:
        names = [[paired.product_ids[code] for code in codes] for codes in (cart.products, cart.leave_out)]
        served = [each.product_id for each in kept.complements_of(*names, OFFERED)]
        judged = [paired.product_ids[code] for code in ranker(cart.products, cart.leave_out, OFFERED)]

        assert judged == served


def test_no_ranker_offers_what_is_to_be_left_out_or_more_than_is_asked(paired: Baskets) -> None:
    rng = np.random.default_rng(3)
    popular = popularity_ranker(paired)
    rankers = [
        popular,
        category_ranker(paired),
        random_ranker(paired, rng),
        best_of_categories_ranker(paired, popularity_ranker(paired.by_category())),
    ]
    cart, leave_out = np.array([4, 5], dtype=np.int32), np.array([0, 1, 4, 5], dtype=np.int32)

    for ranker in rankers:
        offered = ranker(cart, leave_out, 5).tolist()

        assert offered
        assert len(offered) == len(set(offered)) <= 5
        assert not set(offered) & {0, 1, 4, 5}
    of_categories = category_ranker(paired)(cart, leave_out, 5)
    assert set(paired.categories[of_categories].tolist()) <= {4, 5}


def test_intervals_widen_when_the_carts_are_few_customers() -> None:
    hits = np.tile([True] * 10 + [False] * 10, 20)
    rng = np.random.default_rng(4)

    alone = hit_rate(hits, np.arange(400, dtype=np.int32), rng)
    together = hit_rate(hits, np.repeat(np.arange(40, dtype=np.int32), 10), rng)

    assert alone.value == together.value == pytest.approx(0.5)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_a_ranker_does_not_differ_from_itself() -> None:
    hits, customers = np.tile([True, False], 30), np.arange(60, dtype=np.int32)

    assert difference(hits, hits, customers, np.random.default_rng(5)) == (0.0, 0.0, 0.0)
