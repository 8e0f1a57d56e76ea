"""Segments: what they stand for, held against a plain reading of the same conditions."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.declared import DeclarationError
from features.membership import SegmentError, Values, belongs, features_of, resolve
from features.rfm_score import EDGES_FILE
from features.schema import CHANNELS, load_schema
from features.segment import AllOf, CountIs, FeatureIs, Segment
from features.segment_files import load_segments

NUMBERS = ("orders_28d", "product_views_7d", "recency_days")
COUNTED = {  # what a response asks for: the counts it adds up
    ("wheel", "email"): ("clicked_wheel_email_90d",),
    ("wheel", None): tuple(f"clicked_wheel_{channel}_90d" for channel in CHANNELS),
    (None, "email"): ("clicked_email_90d",),
    (None, None): tuple(f"clicked_{channel}_90d" for channel in CHANNELS),
}
CLICKS = sorted({name for names in COUNTED.values() for name in names})
BOUNDS = {
    "at_least": lambda value, bound: value >= bound,
    "at_most": lambda value, bound: value <= bound,
    "more_than": lambda value, bound: value > bound,
    "less_than": lambda value, bound: value < bound,
    "exactly": lambda value, bound: value == bound,
}
small = st.integers(0, 3).map(float)
bounds = st.dictionaries(st.sampled_from(sorted(BOUNDS)), small, min_size=1, max_size=2)


def responses(bounds: st.SearchStrategy[dict[str, float]]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on clicks by topic, by channel, by both and by none."""
    return st.builds(
        lambda asked, given: {
            "response": {
                **{name: value for name, value in zip(("topic", "channel"), asked, strict=True) if value},
                "event": "clicked",
                "within_days": 90,
                **given,
            }
        },
        st.sampled_from(sorted(COUNTED, key=str)),
        bounds,
    )


leaf = st.one_of(
    st.builds(lambda name, given: {"feature": name, **given}, st.sampled_from(NUMBERS), bounds),
    bounds.map(lambda given: {"count": "orders", "within_days": 28, **given}),
    responses(bounds),
    st.builds(lambda name, on: {"feature": name, "known": on}, st.sampled_from(NUMBERS), st.booleans()),
    st.booleans().map(lambda on: {"feature": "consent_sms", "is": on}),
    st.lists(st.sampled_from(["Asia/Tehran", "Europe/Berlin"]), min_size=1).map(
        lambda zones: {"feature": "time_zone", "one_of": zones}
    ),
    st.booleans().map(lambda on: {"feature": "time_zone", "known": on}),
)


def combined(leaf: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Such conditions, and all, any and not of them."""
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda each: {"all": each}),
            st.lists(inner, min_size=1, max_size=3).map(lambda each: {"any": each}),
            inner.map(lambda each: {"not": each}),
        ),
        max_leaves=6,
    )


conditions = combined(leaf)
customers = st.fixed_dictionaries(
    {
        **dict.fromkeys([*NUMBERS, *CLICKS], small | st.just(math.nan)),
        "consent_sms": st.sampled_from([0.0, 1.0, math.nan]),
        "time_zone": st.sampled_from(["", "Asia/Tehran", "Europe/Berlin"]),
    }
)


def holds(written: dict[str, Any], customer: Values) -> bool:
    """The condition as its text reads."""
    if "all" in written:
        return not [each for each in written["all"] if not holds(each, customer)]
    if "any" in written:
        return [holds(each, customer) for each in written["any"]].count(True) > 0
    if "not" in written:
        return not holds(written["not"], customer)
    if "response" in written:
        written = written["response"]
        names = COUNTED[written.get("topic"), written.get("channel")]
        value: float | str = math.fsum(float(customer[name]) for name in names)
    else:
        value = customer["orders_28d" if "count" in written else written["feature"]]
    unknown = value == "" or value != value
    if "known" in written:
        return unknown is not written["known"]
    if unknown:
        return False
    if "is" in written:
        return bool(value) is written["is"]
    if "one_of" in written:
        return str(value) in written["one_of"]
    return all(BOUNDS[name](value, bound) for name, bound in written.items() if name in BOUNDS)


def segment_of(written: dict[str, Any], name: str = "some") -> Segment:
    context = {"schema": load_schema()}
    return Segment.model_validate({"name": name, "description": "", "where": written}, context=context)


@given(conditions, customers)
def test_a_customer_belongs_as_the_text_reads(written: dict[str, Any], customer: Values) -> None:
    assert belongs(segment_of(written), customer) == holds(written, customer)


@given(conditions)
def test_a_segment_comes_back_from_its_own_json(written: dict[str, Any]) -> None:
    segment = segment_of(written)

    assert Segment.model_validate_json(segment.model_dump_json()) == segment


@given(conditions, conditions, customers)
def test_a_reference_stands_for_the_other_segment(
    one: dict[str, Any], other: dict[str, Any], customer: Values
) -> None:
    wanted = {"all": [{"not": {"segment": "other"}}, {"any": [one, {"segment": "other"}]}]}
    segments = {"one": segment_of(wanted, "one"), "other": segment_of(other, "other")}

    found = belongs(resolve(segments)["one"], customer)

    assert found == (not holds(other, customer) and holds(one, customer))


def test_segments_that_stand_for_each_other_are_refused() -> None:
    segments = {
        "a": segment_of({"not": {"segment": "b"}}, "a"),
        "b": segment_of({"any": [{"segment": "a"}]}, "b"),
    }

    with pytest.raises(SegmentError, match="stand for each other: a > b > a"):
        resolve(segments)


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(SegmentError, match="segment a names 'rich'; there are \\['a'\\]"):
        resolve({"a": segment_of({"segment": "rich"}, "a")})


def test_a_segment_says_which_features_it_asks_for() -> None:
    segment = segment_of(
        {
            "any": [
                {"not": {"feature": "consent_sms", "is": True}},
                {"count": "orders", "within_days": 28, "exactly": 0},
            ]
        }
    )

    assert features_of(segment) == ("consent_sms", "orders_28d")


@pytest.mark.parametrize(
    ("asked", "features"),
    [
        ({"event": "opened", "topic": "cart"}, ("opened_cart_email_90d", "opened_cart_app_push_90d")),
        ({"event": "delivered", "topic": "other", "channel": "sms"}, ("delivered_other_sms_90d",)),
        ({"event": "sent", "channel": "sms", "within_days": 28}, ("sent_sms_28d",)),
    ],
)
def test_a_response_asks_for_the_counts_of_its_topic_and_channel(
    asked: dict[str, Any], features: tuple[str, ...]
) -> None:
    segment = segment_of({"response": {"within_days": 90, "at_least": 1, **asked}})

    assert features_of(segment) == features


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"event": "clicked", "topic": "winter"}, "no topic 'winter'; there are browse, .*, other"),
        (
            {"event": "clicked", "within_days": 28},
            r"clicked messages are counted on email within \[90\] days",
        ),
        (
            {"event": "sent", "topic": "wheel"},
            "so it is not known online; no sent messages are counted by topic",
        ),
        ({"event": "opened", "channel": "sms"}, "opened_sms_90d: no feature, so it is not known online"),
        ({"event": "clicked", "at_least": None}, "wanted a bound"),
    ],
)
def test_a_response_that_no_feature_tells_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segment_of({"response": {"within_days": 90, "at_least": 1, **asked}})


def test_the_talks_high_intent_customers_are_shipped() -> None:
    shipped = Path(__file__).parents[2] / "service" / "decision_points" / "segments"
    segment = load_segments(shipped, load_schema())["high_intent"]
    looking = {"product_views_7d": 2.0, "purchases_7d": 0.0, "spend_365d": 101.0}

    assert belongs(segment, looking)
    for name, value in (("product_views_7d", 1.0), ("purchases_7d", 1.0), ("spend_365d", 100.0)):
        assert not belongs(segment, {**looking, name: value})


def test_a_segment_in_python_is_the_one_in_yaml_and_its_json_is_a_file_too(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "service" / "decision_points" / "segments"
    looked = CountIs(count="product_views", within_days=7, at_least=2)
    bought = CountIs(count="purchases", within_days=7, exactly=0)
    spent = FeatureIs(feature="spend_365d", more_than=100)

    written = Segment(name="high_intent", description="x", where=AllOf(all=(looked, bought, spent)))
    (tmp_path / "high_intent.json").write_text(written.model_dump_json(exclude_none=True), encoding="utf-8")
    shutil.copy(shipped / EDGES_FILE, tmp_path)
    (tmp_path / "new.yml").write_text("name: new\ndescription: x\nwhere: {feature: orders_28d, exactly: 0}\n")

    assert written.where == load_segments(shipped, load_schema())["high_intent"].where
    assert load_segments(tmp_path, load_schema())["high_intent"] == written
    assert load_segments(tmp_path, load_schema()).keys() == {"high_intent", "new"}


def test_a_segment_declared_twice_is_refused(tmp_path: Path) -> None:
    for name in ("first", "second"):
        text = "name: same\ndescription: x\nwhere: {feature: recency_days, at_most: 3}\n"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(DeclarationError, match=r"second\.yaml: segment 'same' is declared twice"):
        load_segments(tmp_path, load_schema())
