"""Segments of a whole base: the same answer as one customer at a time, whatever is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.backends.duckdb import Backend

from features.encoding import encode
from features.membership import SegmentError, Values, belongs, values_of
from features.offline import arrow_schema
from features.schema import load_schema, parse_schema
from features.segment import InSegment, Segment
from features.segment_table import audience, belonging, customer_table
from features.stored import StoredFeatures, StoredView
from tests.features.test_segment import CLICKS, combined, responses

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SCHEMA = load_schema()
NUMBERS = ("orders_28d", "recency_days", "spend_365d", "activity_by_hour_03")
ZONES = ("Asia/Tehran", "Europe/Berlin", 'it\'s "far"')

few = st.integers(0, 3).map(float)
number = few | st.floats(allow_nan=False, allow_infinity=False)
bounds = st.dictionaries(
    st.sampled_from(["at_least", "at_most", "more_than", "less_than", "exactly"]),
    number,
    min_size=1,
    max_size=3,
)
leaf = st.one_of(
    st.builds(lambda name, given: {"feature": name, **given}, st.sampled_from(NUMBERS), bounds),
    bounds.map(lambda given: {"count": "orders", "within_days": 28, **given}),
    responses(bounds),
    st.builds(lambda name, on: {"feature": name, "known": on}, st.sampled_from(NUMBERS), st.booleans()),
    st.booleans().map(lambda on: {"feature": "consent_sms", "is": on}),
    st.booleans().map(lambda on: {"feature": "consent_sms", "known": on}),
    st.lists(st.sampled_from(ZONES), min_size=1).map(lambda zones: {"feature": "time_zone", "one_of": zones}),
    st.booleans().map(lambda on: {"feature": "time_zone", "known": on}),
)
conditions = combined(leaf)
value = st.sampled_from([math.nan, -0.0, math.inf, -math.inf]) | number
customers = st.fixed_dictionaries(
    {
        **dict.fromkeys([*NUMBERS, *CLICKS], value),
        "consent_sms": st.sampled_from([0.0, 1.0, math.nan]),
        "time_zone": st.sampled_from(["", *ZONES]),
    }
)


def segment_of(written: dict[str, Any]) -> Segment:
    return Segment.model_validate(
        {"name": "some", "description": "", "where": written}, context={"schema": SCHEMA}
    )


def as_null(customer: Values) -> dict[str, float | str | None]:
    """The same customer with a null wherever something is unknown."""
    return {name: None if each == "" or each != each else each for name, each in customer.items()}


@settings(max_examples=150, deadline=None)
@given(conditions, st.lists(customers, min_size=1, max_size=6))
def test_a_table_tells_of_every_customer_what_is_told_of_each(
    backend: Backend, written: dict[str, Any], customers: list[Values]
) -> None:
    segment = segment_of(written)
    rows = pa.Table.from_pylist(
        [dict(each) for each in customers] + [as_null(each) for each in customers],
        schema=pa.schema([(name, pa.float64()) for name in (*NUMBERS, *CLICKS, "consent_sms")]).append(
            pa.field("time_zone", pa.string())
        ),
    )
    table = ibis.memtable(rows)

    told = backend.to_pyarrow(table.select(found=belonging(segment, table)))["found"].to_pylist()

    assert told == [belongs(segment, each) for each in customers] * 2


SMALL = parse_schema(
    """
[views.profile]
description = ""
freshness_days = 10
[views.profile.features]
time_zone = { type = "string", default = "", about = "" }
consent_sms = { type = "bool", default = false, about = "" }
age_years = { type = "float", default = nan, about = "" }
[views.habits]
description = ""
freshness_days = 10
[views.habits.features]
orders_28d = { type = "float", default = 0.0, about = "" }
visits = { type = "int", default = 7.0, about = "" }
by_hour = { type = "float_list", length = 2, default = 0.5, about = "" }
"""
)
profiles = st.fixed_dictionaries(
    {
        "time_zone": st.none() | st.sampled_from(["", *ZONES]),
        "consent_sms": st.none() | st.booleans(),
        "age_years": st.none() | value,
    }
)
habits = st.fixed_dictionaries(
    {
        "orders_28d": st.none() | value,
        "visits": st.none() | st.integers(-5, 5),
        "by_hour": st.none() | st.lists(value, min_size=2, max_size=2),
    }
)
stored = st.lists(
    st.tuples(st.none() | profiles, st.none() | habits).filter(lambda views: any(views)),
    min_size=1,
    max_size=4,
)


def named(views: tuple[dict[str, Any] | None, ...]) -> dict[str, dict[str, Any]]:
    return {view.name: row for view, row in zip(SMALL.views, views, strict=True) if row is not None}


def comparable(values: Values) -> dict[str, float | str]:
    """nan equals nothing, its name does."""
    return {name: "nan" if value != value else value for name, value in values.items()}


@settings(max_examples=40, deadline=None)
@given(stored)
def test_a_table_holds_what_is_read_online_of_each_customer(
    backend: Backend, stored: list[tuple[dict[str, Any] | None, ...]]
) -> None:
    views = {}
    for view in SMALL.views:
        rows = [
            {"customer_id": f"c{number}", **named(each)[view.name]}
            for number, each in enumerate(stored)
            if view.name in named(each)
        ]
        views[view.name] = ibis.memtable(pa.Table.from_pylist(rows, schema=arrow_schema(view)))

    table = customer_table(views, SMALL)
    found = {row.pop("customer_id"): comparable(row) for row in backend.to_pyarrow(table).to_pylist()}

    wanted = {}
    for number, each in enumerate(stored):
        rows = {
            name: StoredView(NOW, {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
            for name, row in named(each).items()
        }
        vector = encode(StoredFeatures(f"c{number}", rows), now=NOW, schema=SMALL)
        wanted[f"c{number}"] = comparable(values_of(vector, SMALL))
    assert found == wanted


def test_the_audience_is_who_belongs_in_order(backend: Backend) -> None:
    rows = {"customer_id": ["b", "a", "c"], "orders_28d": [2.0, 3.0, math.nan]}
    often = segment_of({"count": "orders", "within_days": 28, "at_least": 2})

    found = backend.to_pyarrow(audience(often, ibis.memtable(pa.table(rows))))

    assert found.to_pylist() == [{"customer_id": "a"}, {"customer_id": "b"}]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: segment_of({"feature": "recency_days", "at_most": 3}), r"asks for \['recency_days'\]"),
        (lambda: Segment(name="a", description="", where=InSegment(segment="b")), "'b'. was not resolved"),
    ],
)
def test_what_a_table_cannot_tell_is_refused(make: Callable[[], Segment], message: str) -> None:
    with pytest.raises(SegmentError, match=message):
        belonging(make(), ibis.table({"customer_id": "string", "orders_28d": "float64"}))


def test_a_feature_that_was_declared_after_the_rows_were_written_has_its_default(backend: Backend) -> None:
    old = ibis.memtable(pa.table({"customer_id": ["a"], "orders_28d": [2.0]}))
    profile = ibis.memtable(pa.Table.from_pylist([], schema=arrow_schema(SMALL.view("profile"))))

    found = backend.to_pyarrow(customer_table({"profile": profile, "habits": old}, SMALL)).to_pylist()

    stored = {"habits": StoredView(NOW, {"orders_28d": 2.0})}
    read = values_of(encode(StoredFeatures("a", stored), now=NOW, schema=SMALL), SMALL)
    assert [comparable(row) for row in found] == [{"customer_id": "a", **comparable(read)}]


def test_a_base_without_a_views_rows_is_refused() -> None:
    with pytest.raises(SegmentError, match=r"no rows of the views \['habits'\]; there are \['profile'\]"):
        customer_table({"profile": ibis.table({"customer_id": "string"})}, SMALL)
