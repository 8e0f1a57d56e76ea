"""The verdict on a later period: complements win where there are some, and nobody is let in where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.complements.conftest import baskets_of
from training.complements.baskets import Baskets
from training.complements.contest import DAY_S
from training.complements.judge import TooFewCartsError, judge, periods, set_stage
from training.complements.report import compare, table_of


def test_products_that_go_together_beat_popularity(paired: Baskets) -> None:
    verdict = judge(set_stage(paired, periods(paired)["test"], n_carts=500))

    assert verdict.beats_popularity
    assert verdict.complements.value > 0.7
    assert verdict.popularity.value < 0.5


def test_products_that_meet_by_chance_do_not(unrelated: Baskets) -> None:
    """The gate would open by chance in 2.5 % of such shops at most; the seed is fixed."""
    verdict = judge(set_stage(unrelated, periods(unrelated)["test"], n_carts=500))

    assert not verdict.beats_popularity


def test_nothing_is_learnt_from_the_period_or_from_customers_kept_apart(paired: Baskets) -> None:
    period = periods(paired)["test"]

    stage = set_stage(paired, period, n_carts=500)

    assert stage.learnt.ordered_s.max() < period.since_s
    unseen = {cart.customer for cart, seen in zip(stage.carts, stage.seen, strict=True) if not seen}
    assert 0.1 < len(unseen) / 150 < 0.3
    assert not unseen & set(stage.learnt.customers.tolist())


def test_validation_comes_before_the_test_and_neither_depends_on_what_follows(paired: Baskets) -> None:
    validation = periods(paired)["validation"]
    shuffled = replace(
        paired,
        products=np.where(
            paired.ordered_s[paired.lines_of] >= validation.until_s, paired.products ^ 3, paired.products
        ),
    )

    before, after = (judge(set_stage(each, validation, n_carts=200)) for each in (paired, shuffled))

    assert validation.until_s == periods(paired)["test"].since_s
    assert before == after


@pytest.mark.parametrize(
    ("customers", "a_day", "found"),
    [(200, 1, r"61 carts of 61 customers"), (20, 4, r"\d\d\d carts of 20 customers")],
)
def test_too_few_carts_or_customers_are_refused_with_what_was_found(
    customers: int, a_day: int, found: str
) -> None:
    told = [(n % customers, n * DAY_S // a_day, [n % 7, n % 5 + 10, n % 50]) for n in range(100 * a_day)]
    baskets = baskets_of(told)

    with pytest.raises(TooFewCartsError, match=found):
        set_stage(baskets, periods(baskets)["test"], n_carts=500)


def test_the_table_has_a_row_a_contender_and_marks_the_best_on_validation(paired: Baskets) -> None:
    lines = list(compare(paired, n_carts=120))

    rows = table_of(lines).splitlines()

    assert len(rows) == len(lines) + 2
    products = [line for line in lines if line.level == "product"]
    best = max(products, key=lambda line: line.validation.value)
    assert f"**{best.name}**" in "\n".join(rows)
    assert {line.level for line in lines} == {"product", "category"}
