"""Groups: stable for a customer, drawn anew by a new salt, as large as declared."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.group import assign_group
from service.point_limits import Shares

CUSTOMERS = [f"customer {number}" for number in range(20_000)]
SHARES = Shares(holdout=0.1, random=0.25)
IDS = st.text(min_size=1, max_size=40)


@given(IDS, IDS)
def test_a_customer_stays_in_its_group(customer: str, salt: str) -> None:
    assert len({assign_group(customer, salt, SHARES) for _ in range(3)}) == 1


def test_the_groups_of_known_customers_never_change() -> None:
    """Written down once: a change of hash or of boundaries would move customers between groups in the middle of a test."""
    found = [assign_group(str(number), "wheel-1", SHARES) for number in range(12)]

    assert found == [
        "decisioning",
        "decisioning",
        "random",
        "decisioning",
        "random",
        "decisioning",
        "decisioning",
        "random",
        "decisioning",
        "random",
        "decisioning",
        "decisioning",
    ]


@pytest.mark.parametrize("salt", ["wheel-1", "wheel-2", "cart-1"])
def test_shares_are_met_within_sampling_error(salt: str) -> None:
    """Each of two shares within 4 standard errors: one of the three salts fails by chance with less than 4e-4."""
    counts = Counter(assign_group(customer, salt, SHARES) for customer in CUSTOMERS)

    for group, share in (("holdout", SHARES.holdout), ("random", SHARES.random)):
        error = np.sqrt(share * (1 - share) / len(CUSTOMERS))
        assert abs(counts[group] / len(CUSTOMERS) - share) < 4 * error
    assert counts.keys() == {"holdout", "random", "decisioning"}


def test_two_salts_draw_independently() -> None:
    """The share held out by both is the product of the shares, within 4 standard errors (6e-5)."""
    both = [
        all(assign_group(customer, salt, SHARES) == "holdout" for salt in ("wheel-1", "wheel-2"))
        for customer in CUSTOMERS
    ]

    assert abs(np.mean(both) - 0.01) < 4 * np.sqrt(0.01 * 0.99 / len(CUSTOMERS))


def test_without_shares_everybody_is_decided_for() -> None:
    assert {assign_group(customer, "wheel-1", Shares()) for customer in CUSTOMERS[:1_000]} == {"decisioning"}


@given(IDS, st.floats(0, 0.4), st.floats(0, 0.5))
def test_a_larger_hold_out_keeps_everybody_who_was_in_it(customer: str, holdout: float, more: float) -> None:
    smaller, larger = Shares(holdout=holdout), Shares(holdout=holdout + more)

    if assign_group(customer, "wheel-1", smaller) == "holdout":
        assert assign_group(customer, "wheel-1", larger) == "holdout"
