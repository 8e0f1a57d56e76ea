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


LISTS = """
topics = ["winter", "wheel"]
[views.a]
description = ""
freshness_days = 1
[views.a.features]
x = { type = "float_list", each = "x_{topic}_{channel}_7d", channels = ["sms"], default = 0.0, about = "" }
"""


def test_a_lists_places_are_named_by_topic_and_channel_the_other_topics_last() -> None:
    schema = parse_schema(LISTS)

    assert schema.topics == ("winter", "wheel", "other")
    assert schema.columns == ("x_winter_sms_7d", "x_wheel_sms_7d", "x_other_sms_7d")
    assert schema.features[0].length == 3


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ('["winter", "wheel"]', '["winter", "winter"]', "each once"),
        ('["winter", "wheel"]', '["other"]', "without 'other'"),
        ('["winter", "wheel"]', '["Black Friday"]', "Black Friday"),
        ('each = "x_{topic}_{channel}_7d", ', "", "feature x: wanted one of each, length"),
        ("default = 0.0", "default = 0.0, length = 3", "feature x: wanted one of each, length"),
    ],
)
def test_topics_and_places_that_cannot_be_told_apart_are_refused(
    found: str, instead: str, message: str
) -> None:
    text = LISTS.replace(found, instead)

    with pytest.raises(ValueError, match=message):
        parse_schema(text)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ('type = "float", default = 0.0, grows_in = "days"', "default nan"),
        ('type = "int", default = nan, quotient = ["a", "b"]', "type float"),
        ('type = "float", default = nan, grows_in = "weeks"', "wanted one of days, minutes"),
        ('type = "float", default = nan, quotient = ["age", "other"]', r"quotient of \['other'\]"),
        ('type = "float", default = nan, quotient = ["age"]', "dividend and divisor"),
    ],
)
def test_an_age_or_quotient_that_cannot_be_is_refused_by_name(spec: str, fault: str) -> None:
    text = f"""
[views.v]
description = "d"
freshness_days = 1
[views.v.features]
age = {{ type = "float", default = nan, about = "a" }}
odd = {{ {spec}, about = "o" }}
"""

    with pytest.raises(ValueError, match=f"feature odd: .*{fault}"):
        parse_schema(text)
