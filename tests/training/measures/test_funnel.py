"""Steps of the funnel, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.measures.funnel import funnel
from training.measures.interval import share_of
from training.measures.moment import DAY_US

VIEW, CART, CART_VIEW = 0, 1, 2


def counted(*steps: tuple[int, int, float], ends: float = 100) -> list:
    """Steps as (customer, step, day), in any order."""
    customer, step, day = np.array(sorted(steps, key=lambda each: each[2])).T
    at_us = (day * DAY_US).astype(np.int64)
    return funnel(
        customer.astype(int), step.astype(int), at_us, begins_us=0, ends_us=int(ends * DAY_US), within_days=7
    )


def test_a_step_is_reached_after_the_one_before_and_within_the_window() -> None:
    found = counted(
        (1, VIEW, 0), (1, CART, 1), (1, CART_VIEW, 2),
        (2, CART, 0), (2, VIEW, 1), (2, CART, 2),
        (3, VIEW, 0), (3, CART, 8),
        (4, CART, 1),
    )  # fmt: skip

    assert [row.customers for row in found] == [3, 2, 1, 0, 0, 0]
    assert [row.share_of_previous for row in found[:3]] == pytest.approx([1, 2 / 3, 1 / 2])
    assert [row.drop_off for row in found[1:4]] == pytest.approx([1 / 3, 1 / 2, 1])
    assert math.isnan(found[0].drop_off)
    assert [row.share_of_entered for row in found[:3]] == pytest.approx([1, 2 / 3, 1 / 3])
    assert [(row.entered_low, row.entered_high) for row in found] == [
        share_of(n, 3)[1:] for n in (3, 2, 1, 0, 0, 0)
    ]


def test_who_entered_too_late_to_finish_does_not_count() -> None:
    found = counted((1, VIEW, 0), (2, VIEW, 5), ends=10)

    assert found[0].customers == 1


def test_nobody_who_entered_is_no_row() -> None:
    assert counted((1, CART, 1)) == []
