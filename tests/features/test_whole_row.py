"""Reading all of a customer in a few steps gives what reading value by value gives, to the bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encoding import FeatureVector, encode
from features.schema import Feature, load_schema
from features.stored import StoredFeatures, StoredView
from features.whole_row import WholeRow
from features.wire import FeatureType, FeatureValue, decode_value, encode_values

SCHEMA = load_schema()
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORDERS = {"declared": SCHEMA.features, "by name": tuple(sorted(SCHEMA.features, key=lambda each: each.name))}
NUMBERS = st.floats(allow_nan=False)
VALUES: dict[FeatureType, st.SearchStrategy[FeatureValue]] = {
    "float": NUMBERS,
    "bool": st.booleans(),
    "string": st.text(max_size=40),
}


def usual(feature: Feature) -> st.SearchStrategy[FeatureValue]:
    if feature.type == "float_list":
        return st.lists(NUMBERS, min_size=feature.length, max_size=feature.length).map(tuple)
    return VALUES[feature.type]


def stored_as(kind: FeatureType, value: FeatureValue) -> bytes:
    return encode_values(kind, [value])[0]


@st.composite
def rows(draw: st.DrawFn) -> dict[str, bytes]:
    """Stored bytes by feature, as they usually are, some of the numbers being null."""
    found = {}
    for feature in SCHEMA.features:
        null = feature.type != "string" and draw(st.integers(0, 9)) == 0
        found[feature.name] = b"" if null else stored_as(feature.type, draw(usual(feature)))
    return found


ages = st.lists(
    st.floats(-100, 5e6).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    min_size=len(SCHEMA.views),
    max_size=len(SCHEMA.views),
).map(tuple)


def by_value(stored: dict[str, bytes], event_ats: tuple[datetime, ...]) -> StoredFeatures:
    views = {
        view.name: StoredView(at, {name: decode_value(stored[name]) for name in view.feature_names})
        for view, at in zip(SCHEMA.views, event_ats, strict=True)
    }
    return StoredFeatures("c1", views)


def assert_same(found: FeatureVector, wanted: FeatureVector) -> None:
    assert found.values.tobytes() == wanted.values.tobytes()
    assert (found.strings, found.degraded) == (wanted.strings, wanted.degraded)


@pytest.mark.parametrize("order", ORDERS)
@given(stored=rows(), event_ats=ages)
def test_the_usual_customer_is_read_whole_and_the_same(
    order: str, stored: dict[str, bytes], event_ats: tuple[datetime, ...]
) -> None:
    reader = WholeRow(SCHEMA, ORDERS[order])
    plain = by_value(stored, event_ats)
    for _ in range(2):  # the second time the pattern is known
        whole = reader.read([stored[feature.name] for feature in ORDERS[order]], event_ats)

        assert whole is not None
        found = encode(StoredFeatures("c1", plain.views, whole), now=NOW, schema=SCHEMA)
        assert_same(found, encode(plain, now=NOW, schema=SCHEMA))


NAMES = st.sampled_from([feature.name for feature in SCHEMA.features])
STRANGE = st.sampled_from(
    [
        stored_as("int", 7),
        stored_as("int", -1),
        stored_as("float", 2.5),
        stored_as("bool", True),
        stored_as("string", "x" * 7),
        stored_as("string", "x" * 200),
        stored_as("float_list", ()),
        stored_as("float_list", (1.0,)),
        stored_as("float_list", tuple(np.arange(24.0))),
        b"\x31" + bytes(8),
        b"\x29" + bytes(4),
        b"\x7a\x02\x0a\x00",
        b"\x38",
        b"\x12\x05ab",
        b"",
        None,
    ]
)


@given(stored=rows(), name=NAMES, strange=STRANGE)
def test_anything_unusual_is_left_to_the_plain_way_or_read_the_same(
    stored: dict[str, bytes], name: str, strange: bytes | None
) -> None:
    given_bytes: dict[str, bytes | None] = {**stored, name: strange}
    event_ats = (NOW,) * len(SCHEMA.views)

    whole = WholeRow(SCHEMA, SCHEMA.features).read(list(given_bytes.values()), event_ats)

    if whole is not None:
        plain = by_value({each: value or b"" for each, value in given_bytes.items()}, event_ats)
        assert_same(
            encode(StoredFeatures("c1", {}, whole), now=NOW, schema=SCHEMA),
            encode(plain, now=NOW, schema=SCHEMA),
        )


def test_what_is_read_once_may_be_encoded_at_any_time() -> None:
    """Ages grow in the vector, not in what was read."""
    stored = {
        each.name: stored_as(each.type, "Asia/Tehran" if each.type == "string" else None)
        for each in SCHEMA.features
    }
    stored |= {each.name: stored_as("float", 1.0) for each in SCHEMA.features if each.grows_every_s}
    whole = WholeRow(SCHEMA, SCHEMA.features).read(list(stored.values()), (NOW,) * len(SCHEMA.views))
    found = StoredFeatures("c1", {}, whole)

    later = encode(found, now=NOW + timedelta(hours=1), schema=SCHEMA)
    at_once = encode(found, now=NOW, schema=SCHEMA)

    assert np.nanmax(at_once.values) == 1.0
    assert np.nanmax(later.values) == 61.0  # minutes
