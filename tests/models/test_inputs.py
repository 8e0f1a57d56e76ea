"""The inputs that a policy may name."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import CHANNELS as FEATURE_CHANNELS
from features.schema import load_schema
from models.inputs import CHANNELS, SCORES, Inputs, bind, input_names

COLUMNS = ("recency_days", "orders_28d")
NAMES = input_names(COLUMNS)


def test_the_names_are_features_then_scores_then_the_moment_then_earlier_choices_and_the_budget() -> None:
    assert NAMES == (
        "recency_days",
        "orders_28d",
        "purchase_propensity",
        "churn_risk",
        "expected_value",
        "local_hour",
        "local_weekday",
        "channel_email",
        "channel_sms",
        "channel_app_push",
        "channel_web_push",
        "send_hour",
        "budget_price",
    )


def test_no_name_of_the_schema_is_taken_twice() -> None:
    names = input_names(load_schema().columns)

    assert len(set(names)) == len(names)


def test_models_and_features_mean_the_same_channels() -> None:
    assert CHANNELS == FEATURE_CHANNELS


def test_bind_finds_each_wanted_input_in_the_wanted_order() -> None:
    assert bind(("churn_risk", "recency_days"), NAMES).tolist() == [3, 0]
    assert bind((), NAMES).tolist() == []


def test_bind_names_the_inputs_that_there_are_not() -> None:
    with pytest.raises(ValueError, match=r"there are not: \['shoe_size', 'mood'\]"):
        bind(("recency_days", "shoe_size", "mood"), NAMES)


def test_before_anything_is_decided_only_the_features_no_channel_and_no_budget_price_are_known() -> None:
    inputs = Inputs(names=NAMES, features=np.array([3.0, np.nan]))

    known = {name: value for name, value in zip(NAMES, inputs.values.tolist(), strict=True) if value == value}

    assert known == {"recency_days": 3.0, "budget_price": 0.0} | {
        f"channel_{channel}": 0.0 for channel in CHANNELS
    }


@pytest.mark.parametrize("name", [*SCORES, "local_hour", "local_weekday", "channel_sms", "send_hour"])
def test_what_is_set_stands_in_its_own_place_alone(name: str) -> None:
    inputs, untouched = (Inputs(names=NAMES, features=np.array([3.0, 4.0])) for _ in range(2))

    inputs.set(name, 17.0)

    place = NAMES.index(name)
    assert inputs.values[place] == 17.0
    np.testing.assert_array_equal(np.delete(inputs.values, place), np.delete(untouched.values, place))


def test_a_feature_cannot_be_set_over() -> None:
    with pytest.raises(KeyError):
        Inputs(names=NAMES, features=np.array([3.0, 4.0])).set("recency_days", 1.0)
