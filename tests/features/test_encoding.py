"""From what is stored of a customer to the vector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encoding import EncodingError, encode
from features.schema import Schema, parse_schema
from features.stored import StoredFeatures, StoredView
from features.wire import FeatureValue

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SCHEMA = parse_schema("""
[views.who]
description = "who"
freshness_days = 400
[views.who.features]
age = { type = "float", default = nan, about = "age" }
zone = { type = "string", default = "?", about = "zone" }
agreed = { type = "bool", default = false, about = "agreed" }
[views.habit]
description = "habit"
freshness_days = 10
[views.habit.features]
orders = { type = "int", default = 0.0, about = "orders" }
hours = { type = "float_list", length = 3, default = nan, about = "hours" }
""")
WHO: Mapping[str, FeatureValue] = {"age": 40.0, "zone": "Asia/Tehran", "agreed": True}
HABIT: Mapping[str, FeatureValue] = {"orders": 3, "hours": (0.5, 0.25, 0.25)}


def stored(age_days: float = 1.0, **views: Mapping[str, FeatureValue]) -> StoredFeatures:
    event_at = NOW - timedelta(days=age_days)
    return StoredFeatures("a", {name: StoredView(event_at, values) for name, values in views.items()})


def test_values_take_their_places_in_declared_order() -> None:
    vector = encode(stored(who=WHO, habit=HABIT), now=NOW, schema=SCHEMA)

    assert SCHEMA.columns == ("age", "agreed", "orders", "hours_00", "hours_01", "hours_02")
    assert vector.values.tolist() == [40.0, 1.0, 3.0, 0.5, 0.25, 0.25]
    assert vector.strings == {"zone": "Asia/Tehran"}
    assert vector.degraded == ()


def test_a_missing_and_a_stale_view_are_filled_with_defaults_and_named() -> None:
    vector = encode(stored(age_days=11.0, habit=HABIT), now=NOW, schema=SCHEMA)

    np.testing.assert_array_equal(vector.values, [np.nan, 0.0, 0.0, np.nan, np.nan, np.nan])
    assert vector.strings == {"zone": "?"}
    assert vector.degraded == ("who:missing", "habit:stale")


def test_a_view_exactly_as_old_as_its_limit_is_fresh() -> None:
    vector = encode(stored(age_days=10.0, who=WHO, habit=HABIT), now=NOW, schema=SCHEMA)

    assert vector.degraded == ()


def test_a_stored_null_is_nan_and_degrades_nothing() -> None:
    nulls = stored(who=dict.fromkeys(WHO), habit=dict.fromkeys(HABIT))

    vector = encode(nulls, now=NOW, schema=SCHEMA)

    assert np.isnan(vector.values).all()
    assert vector.strings == {"zone": "?"}
    assert vector.degraded == ()


def test_a_row_written_before_a_feature_was_declared_is_incomplete() -> None:
    vector = encode(stored(who=WHO, habit={"hours": (0.5, 0.25, 0.25)}), now=NOW, schema=SCHEMA)

    assert vector.values.tolist() == [40.0, 1.0, 0.0, 0.5, 0.25, 0.25]
    assert vector.degraded == ("habit:incomplete",)


@pytest.mark.parametrize("wrong", [{"hours": (0.5, 0.5)}, {"hours": "morning"}])
def test_a_value_of_the_wrong_shape_is_refused_by_name(wrong: Mapping[str, FeatureValue]) -> None:
    with pytest.raises(EncodingError, match="hours"):
        encode(stored(who=WHO, habit={**HABIT, **wrong}), now=NOW, schema=SCHEMA)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "who": st.fixed_dictionaries(
                {"age": st.none() | st.floats(), "agreed": st.none() | st.booleans()}
            ),
            "habit": st.fixed_dictionaries({"orders": st.none() | st.integers(0, 99)}),
        },
    ),
    st.floats(0, 1000),
)
def test_any_stored_rows_give_the_same_full_vector_twice(
    views: dict[str, dict[str, FeatureValue]], age_days: float
) -> None:
    rows = stored(age_days, **views)

    first, second = (encode(rows, now=NOW, schema=SCHEMA) for _ in range(2))

    assert first.values.shape == (len(SCHEMA.columns),)
    np.testing.assert_array_equal(first.values, second.values)
    assert (first.strings, first.degraded) == (second.strings, second.degraded)
    assert_every_absent_view_is_named(SCHEMA, rows, first.degraded)


def assert_every_absent_view_is_named(
    schema: Schema, rows: StoredFeatures, degraded: tuple[str, ...]
) -> None:
    for view in schema.views:
        assert (f"{view.name}:missing" in degraded) == (view.name not in rows.views)


AGING = parse_schema("""
[views.habit]
description = "habit"
freshness_days = 10
[views.habit.features]
hours = { type = "float_list", length = 3, default = nan, about = "hours" }
zone = { type = "string", default = "?", about = "zone" }
since = { type = "float", default = nan, grows_in = "days", about = "days since" }
visit = { type = "float", default = nan, grows_in = "minutes", about = "minutes since" }
gap = { type = "float", default = nan, about = "mean gap" }
over = { type = "float", default = nan, quotient = ["since", "gap"], about = "since / gap" }
""")


@pytest.mark.parametrize(
    ("age_days", "gap", "wanted"),
    [
        (0.5, 4.0, [3.5, 721.0, 4.0, 3.5 / 4.0]),
        (-0.5 / 86_400, 4.0, [3.0, 1.0, 4.0, 0.75]),
        (0.5, 0.0, [3.5, 721.0, 0.0, np.nan]),
        (0.5, None, [3.5, 721.0, np.nan, np.nan]),
        (11.0, 4.0, [np.nan] * 4),
    ],
)
def test_ages_are_of_the_moment_of_reading(age_days: float, gap: float | None, wanted: list[float]) -> None:
    habit: dict[str, FeatureValue] = {"hours": (0.5, 0.25, 0.25), "zone": "", "since": 3.0, "visit": 1.0}

    vector = encode(stored(age_days, habit={**habit, "gap": gap, "over": 0.75}), now=NOW, schema=AGING)

    np.testing.assert_allclose(vector.values[3:], wanted, rtol=1e-12)


def test_an_age_that_is_null_stays_nan() -> None:
    nulls = stored(habit=dict.fromkeys(["hours", "zone", "since", "visit", "gap", "over"]))

    vector = encode(nulls, now=NOW, schema=AGING)

    assert np.isnan(vector.values).all()
