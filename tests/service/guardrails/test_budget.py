"""The day's coupon budget: what is left of it, down to the last unit."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from service.guardrails.budget import mask_budget
from service.guardrails.mask import Mask
from service.standing import BudgetStanding

SIZES = ("none", "10000", "20000", "50000")
MIDNIGHT = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)


@given(st.integers(1, 120_000), st.integers(0, 120_000))
def test_a_size_is_open_while_what_is_left_holds_it(daily: int, used: int) -> None:
    mask = Mask("coupon", SIZES)

    mask_budget(mask, daily, BudgetStanding(day=date(2026, 11, 22), used=used, price=0.0), MIDNIGHT)

    fits = [name for name in SIZES if name == "none" or used + int(name) <= daily]
    assert list(mask.open_actions) == fits
    for reason in mask.reasons:
        assert (reason.rule, reason.limit, reason.current, reason.frees_at) == (
            "budget",
            daily,
            used,
            MIDNIGHT,
        )
