"""A rule over two inputs: the talk's wheel, written down as data."""

from __future__ import annotations

import numpy as np
import pytest

from models.fixed_rule import FixedRule

SIZES = ("none", "10000", "30000", "50000")
TABLE = (("30000", "10000", "none"), ("50000", "30000", "10000"))


def wheel(**changes: object) -> FixedRule:
    parts = {
        "action_names": SIZES,
        "input_names": ("expected_value", "purchase_propensity"),
        "thresholds": ((100.0,), (0.3, 0.7)),
        "table": TABLE,
        "floor": 0.01,
    }
    return FixedRule(**{**parts, **changes})


@pytest.mark.parametrize(
    ("value", "propensity", "size"),
    [(50, 0.1, "30000"), (50, 0.9, "none"), (250, 0.1, "50000"), (250, 0.5, "30000"), (250, 0.9, "10000")],
)
def test_the_size_follows_value_and_purchase_probability(value: float, propensity: float, size: str) -> None:
    probabilities = wheel().probabilities(np.array([value, propensity]), np.ones(4, dtype=np.bool_))

    assert SIZES[int(np.argmax(probabilities))] == size
    assert probabilities.max() == pytest.approx(1 - 3 * 0.01)
    assert np.sort(probabilities)[:3] == pytest.approx([0.01] * 3)


def test_a_value_at_a_threshold_falls_above_it_and_an_unknown_one_below_all() -> None:
    contexts = np.array([[100.0, 0.7], [np.nan, np.nan], [np.inf, -np.inf]])

    found = [SIZES[action] for action in wheel().rule(contexts)]

    assert found == ["10000", "30000", "50000"]


def test_the_nearest_eligible_action_stands_in_for_one_that_is_not() -> None:
    context = np.array([250.0, 0.5])  # the cell says 30000

    def choice(*eligible: bool) -> str:
        return SIZES[int(np.argmax(wheel().probabilities(context, np.array(eligible))))]

    assert choice(True, True, False, True) == "10000"
    assert choice(True, False, False, True) == "50000"
    assert choice(True, False, False, False) == "none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_names": ("expected_value",)}, "two inputs"),
        ({"thresholds": ((100.0,), (0.7, 0.3))}, "wanted increasing ones"),
        ({"table": TABLE[:1]}, "wanted 2 rows of 3 actions"),
        ({"table": (TABLE[0], ("20000", "none", "none"))}, r"the table names \['20000'\]"),
    ],
)
def test_a_rule_that_does_not_hold_together_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wheel(**changes)
