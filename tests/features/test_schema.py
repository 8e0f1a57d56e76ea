"""The declared features."""

from __future__ import annotations

import pytest

from features.schema import load_schema, parse_schema


def test_feature_and_column_names_are_unique_across_views() -> None:
    schema = load_schema()

    names = [feature.name for feature in schema.features]

    assert len(names) == len(set(names))
    assert len(schema.columns) == len(set(schema.columns))


def test_columns_follow_the_declared_order_and_lists_are_spread() -> None:
    schema = load_schema()

    columns = schema.columns

    assert columns[0] == "tenure_days"
    assert "time_zone" not in columns
    assert [c for c in columns if c.startswith("activity_")] == [
        f"activity_by_hour_{h:02d}" for h in range(24)
    ]


def test_a_type_that_is_none_of_ours_is_refused() -> None:
    text = """
        [views.a]
        description = ""
        freshness_days = 1
        [views.a.features]
        x = { type = "date", default = 0.0, about = "" }
    """

    with pytest.raises(ValueError, match="'date'"):
        parse_schema(text)


def test_a_view_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(KeyError, match="rfm"):
        load_schema().view("rfn")
