"""Made-up baskets: either each product has a partner that it is bought with, or products meet by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from training.complements.baskets import Baskets
from training.complements.contest import DAY_S

N_PRODUCTS = 60
N_CUSTOMERS = 150
Basket = tuple[int, int, Sequence[int]]
"""Customer, time in seconds, products."""


def baskets_of(told: Sequence[Basket], n_products: int = N_PRODUCTS, n_categories: int = 6) -> Baskets:
    """Baskets by time; the product with code c is of the category c modulo `n_categories`."""
    ordered = sorted(told, key=lambda basket: basket[1])
    lines = [
        (number, product) for number, (_, _, held) in enumerate(ordered) for product in sorted(set(held))
    ]
    return Baskets(
        ordered_s=np.array([at for _, at, _ in ordered], dtype=np.int64),
        customers=np.array([customer for customer, _, _ in ordered], dtype=np.int32),
        lines_of=np.array([number for number, _ in lines], dtype=np.int32),
        products=np.array([product for _, product in lines], dtype=np.int32),
        product_ids=tuple(f"p{code:02d}" for code in range(n_products)),
        categories=np.arange(n_products, dtype=np.int32) % n_categories,
        category_names=tuple(f"shelf {code}" for code in range(n_categories)),
    )


def drawn(
    seed: int, partners: Callable[[np.random.Generator, int], int], n_baskets: int = 4_000
) -> list[Basket]:
    """Baskets of 200 days: two products by chance, the first few more often, each with its partner."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(3, N_PRODUCTS + 3)
    told: list[Basket] = []
    for _ in range(n_baskets):
        chosen = rng.choice(N_PRODUCTS, size=2, replace=False, p=weights / weights.sum())
        held = [int(each) for each in chosen] + [partners(rng, int(each)) for each in chosen]
        told.append((int(rng.integers(N_CUSTOMERS)), int(rng.integers(200 * DAY_S)), held))
    return told


@pytest.fixture(scope="session")
def paired() -> Baskets:
    """Products 0 and 1, 2 and 3 and so on are bought together."""
    return baskets_of(drawn(0, lambda _, product: product ^ 1))


@pytest.fixture(scope="session")
def unrelated() -> Baskets:
    """No product says anything of another."""
    weights = 1 / np.arange(3, N_PRODUCTS + 3)
    return baskets_of(drawn(1, lambda rng, _: int(rng.choice(N_PRODUCTS, p=weights / weights.sum()))))
