"""Examples whose truth is known: an order is the more likely the more recent the last one."""

from __future__ import annotations

import numpy as np
import pytest

from training.dataset import Examples


@pytest.fixture(scope="session")
def examples() -> Examples:
    """800 customers at three dates; one column tells, one is noise, one is constant."""
    rng = np.random.default_rng(5)
    ids = np.tile([f"c{number:03d}" for number in range(800)], 3)
    as_ofs = np.repeat(np.array(["2024-03-01", "2024-03-15", "2024-03-29"], dtype="datetime64[us]"), 800)
    recency = rng.exponential(20, 2400)
    ordered = rng.random(2400) < 1 / (1 + np.exp(recency / 10 - 1))
    vectors = np.column_stack([recency, rng.normal(size=2400), np.zeros(2400)])
    vectors[::50, 1] = np.nan
    spend = np.where(ordered, 100_000 * rng.lognormal(0, 0.5, 2400), 0.0)
    return Examples(
        column_names=("recency_days", "orders_28d", "adds_to_cart_1d"),
        customer_ids=ids,
        as_ofs=as_ofs,
        vectors=vectors,
        ordered=ordered,
        spend=spend,
    )
