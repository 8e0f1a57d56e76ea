"""The inputs that a policy may name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import CHANNELS as FEATURE_CHANNELS
from features.schema import load_schema
from models.inputs import CHANNELS, SCORES, Inputs, bind, input_names, moment_inputs

COLUMNS = ("recency_days", "orders_28d")
NAMES = input_names(COLUMNS)


def test_the_names_are_features_then_scores_then_the_moment_then_earlier_choices_and_budget_and_journey() -> (
    None
):
    assert NAMES == (
        "recency_days",
        "orders_28d",
        "purchase_propensity",
        "churn_risk",
        "expected_value",
        "local_hour",
        "local_weekday",
        "iranian_weekend",
        "jalali_month",
        "days_to_nowruz",
        "channel_email",
        "channel_sms",
        "channel_app_push",
        "channel_web_push",
        "send_hour",
        "budget_price",
        "journey_number",
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


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)))
def test_the_days_to_nowruz_count_down_to_the_first_of_farvardin(day: date) -> None:
    local = datetime.combine(day, time(9, 30), UTC)
    told = moment_inputs(local)
    there = moment_inputs(local + timedelta(days=told["days_to_nowruz"]))
    day_before = moment_inputs(local + timedelta(days=told["days_to_nowruz"] - 1))

    assert 0 <= told["days_to_nowruz"] <= 365
    assert (there["days_to_nowruz"], there["jalali_month"]) == (0, 1)
    assert day_before["jalali_month"] == 12
    assert (told["iranian_weekend"] == 1.0) == (f"{local:%A}" in ("Thursday", "Friday"))


def test_the_moment_is_put_in_its_places() -> None:
    inputs = Inputs(names=NAMES, features=np.array([3.0, np.nan]))

    inputs.set_moment(datetime(2026, 11, 26, 9, 30, tzinfo=UTC))

    assert inputs.values[5:10].tolist() == [9, 3, 1.0, 9, 115]
