"""Events as rows of the canonical tables, by hand; and what holds of any events."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tables import EVENTS, TABLES
from features.told import ToldEvent, ToldTrait, event_fault, trait_fault
from features.told_rows import canonical_rows
from tests.features.conftest import ARROW

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_numbers = count()


def told(
    name: str | None, *, customer: str = "a", after_h: float = 0, late_h: float = 0, **properties: Any
) -> ToldEvent:
    """A track event so many hours after noon, received so many hours after it happened."""
    occurred_at = NOON + timedelta(hours=after_h)
    return ToldEvent(
        message_id=f"m{next(_numbers)}",
        customer_id=customer,
        type="track",
        name=name,
        occurred_at=occurred_at,
        received_at=occurred_at + timedelta(hours=late_h),
        properties=properties,
    )


def trait(name: str, value: Any, *, customer: str = "a", after_h: float = 0) -> ToldTrait:
    return ToldTrait(customer_id=customer, name=name, value=value, told_at=NOON + timedelta(hours=after_h))


def order(amount: int, **more: Any) -> ToldEvent:
    return told("purchased", order_id=more.pop("order_id", "o1"), amount=amount, currency="IRT", **more)


def test_a_purchase_is_an_order_and_no_event() -> None:
    rows = canonical_rows([order(900, discount=100)], currency="IRT")

    assert rows["events"] == []
    assert rows["orders"] == [
        {
            "order_id": "o1",
            "customer_id": "a",
            "ordered_at": NOON,
            "amount": 900,
            "discount": 100,
            "coupon_discount": 0,
            "quantity": 1,
        }
    ]


def test_of_an_order_told_twice_the_message_received_last_counts() -> None:
    late = order(700, late_h=5)
    first, of_another = order(900, after_h=1), order(500, customer="b")

    rows = canonical_rows([late, first, of_another], currency="IRT")["orders"]

    assert [(row["customer_id"], row["amount"], row["ordered_at"]) for row in rows] == [
        ("a", 700, NOON),
        ("b", 500, NOON),
    ]


def test_products_are_the_lines_of_their_order_and_what_cannot_be_one_is_left_out() -> None:
    tea = {"product_id": "tea", "category": "drinks", "quantity": 2, "amount": 600, "discount": 50}
    unusable: list[Any] = ["tea", {"amount": 5}, {"product_id": "x", "quantity": -1}, {"product_id": ""}]

    first = order(900, products=[tea])
    corrected = order(900, late_h=1, products=[tea, {"product_id": "cup"}, *unusable])
    of_no_array = order(100, order_id="o2", products="tea")
    rows = canonical_rows([first, corrected, of_no_array], currency="IRT")

    assert rows["order_lines"] == [
        {"order_id": "o1", **tea},
        {
            "order_id": "o1",
            "product_id": "cup",
            "category": None,
            "quantity": 1,
            "amount": None,
            "discount": 0,
        },
    ]
    assert [(row["order_id"], row["quantity"]) for row in rows["orders"]] == [("o1", 3), ("o2", 1)]


def test_a_coupon_redeemed_is_part_of_the_orders_discount() -> None:
    redeemed = told("coupon_redeemed", code="K1", order_id="o1", discount=300, after_h=1)

    rows = canonical_rows([order(900, discount=100), redeemed], currency="IRT")

    assert [(row["discount"], row["coupon_discount"]) for row in rows["orders"]] == [(300, 300)]
    assert rows["redemptions"] == [
        {"customer_id": "a", "coupon_id": "K1", "campaign_id": "K1", "redeemed_at": NOON + timedelta(hours=1)}
    ]


def test_a_coupon_ends_when_it_is_told_as_expired_else_at_its_own_end() -> None:
    end = NOON + timedelta(hours=24)
    events = [
        told("coupon_given", code="K1", expires_at=end.isoformat()),
        told("coupon_given", code="K2", expires_at=end.isoformat()),
        told("coupon_expired", code="K2", after_h=12),
        told("coupon_given", code="K3"),
        told("coupon_expired", code="K4", after_h=3),
    ]

    rows = canonical_rows(events, currency="IRT")["campaigns"]

    assert [(row["campaign_id"], row["starts_at"], row["ends_at"]) for row in rows] == [
        ("K1", NOON, end),
        ("K2", NOON, NOON + timedelta(hours=12)),
        ("K3", NOON, None),
        ("K4", None, NOON + timedelta(hours=3)),
    ]


def test_messages_keep_channel_and_topic_and_steps_keep_nothing() -> None:
    events = [
        told("message_clicked", channel="sms", topic='a "channel"', journey="wheel"),
        told("product_viewed", product_id="p1", after_h=1),
        told("Newsletter Read", topic="winter"),
    ]

    rows = canonical_rows(events, currency="IRT")["events"]

    assert [(row["event"], row["properties"]) for row in rows] == [
        ("message_clicked", r'{"channel": "sms", "topic": "a \"channel\""}'),
        ("product_viewed", "{}"),
    ]


def test_a_page_that_is_called_as_an_event_is_no_event() -> None:
    page = ToldEvent(
        message_id="m",
        customer_id="a",
        type="page",
        name="product_viewed",
        occurred_at=NOON,
        received_at=NOON,
        properties={},
    )

    rows = canonical_rows([page], currency="IRT")

    assert rows["events"] == []
    assert rows["customers"] == [{"customer_id": "a", "joined_at": NOON}]


def test_a_customer_is_there_since_the_first_that_was_told() -> None:
    traits = [trait("age_years", 30, after_h=-2), trait("city", "Shiraz"), trait("time_zone", None)]

    rows = canonical_rows([told("cart_viewed", after_h=-1)], traits, currency="IRT")["customers"]

    early = NOON - timedelta(hours=2)
    assert rows == [{"customer_id": "a", "joined_at": early, "age_years": 30, "time_zone": None}]


@pytest.mark.parametrize(
    ("left_at_h", "topic", "consent"), [(1, None, False), (-1, None, True), (1, "winter", True)]
)
def test_who_unsubscribes_takes_the_consent_back_until_it_is_told_anew(
    left_at_h: int, topic: str | None, consent: bool
) -> None:
    left = told("unsubscribed", channel="sms", topic=topic, after_h=left_at_h)

    [row] = canonical_rows([left], [trait("consent_sms", True)], currency="IRT")["customers"]

    assert row["consent_sms"] is consent


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (told("purchased", order_id="", amount=1), "order_id: found '', wanted a text"),
        (order(10**16), "amount: found 10000000000000000, wanted a whole number from 0 to 1000000000000000"),
        (told("purchased", order_id="o", amount=1, currency="USD"), "currency: found 'USD', wanted IRT"),
        (told("message_sent"), "channel: found None, wanted one of email, sms, app_push, web_push"),
        (
            told("coupon_given", code="K", expires_at="2026-02-30"),
            "expires_at: found '2026-02-30', wanted an ISO 8601 time with its zone",
        ),
        (told("Newsletter Read"), None),
    ],
)
def test_an_event_that_no_row_can_be_made_of_has_a_fault(event: ToldEvent, fault: str | None) -> None:
    rows = canonical_rows([event], currency="IRT")

    assert event_fault(event, currency="IRT") == fault
    assert [table for table, found in rows.items() if found] == ["customers"]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            trait("time_zone", "Mars/Base"),
            "time_zone: found 'Mars/Base', wanted an IANA name such as 'Asia/Tehran'",
        ),
        (trait("consent_sms", "yes"), "consent_sms: found 'yes', wanted true or false"),
        (trait("kids_count", True), "kids_count: found True, wanted a number"),
        (trait("kids_count", None), None),
        (trait("city", 7), None),
    ],
)
def test_a_trait_that_no_column_can_hold_has_a_fault(said: ToldTrait, fault: str | None) -> None:
    [row] = canonical_rows([], [said], currency="IRT")["customers"]

    assert trait_fault(said) == fault
    assert row.get(said.name) is None


_properties = st.fixed_dictionaries(
    {},
    optional={
        "order_id": st.sampled_from(["o1", "o2", ""]),
        "code": st.sampled_from(["K1", "K2", 3]),
        "amount": st.sampled_from([0, 5, 10**20, 1.5, True]),
        "discount": st.sampled_from([None, 2, -1]),
        "channel": st.sampled_from(["sms", "email", "fax"]),
        "topic": st.sampled_from([None, "wheel"]),
        "expires_at": st.sampled_from(["2026-12-01T00:00:00Z", "soon"]),
        "currency": st.sampled_from(["IRT", "USD"]),
    },
)
_names = st.sampled_from([*EVENTS, "coupon_given", "coupon_expired", "coupon_redeemed", "wheel_spun"])
_events = st.lists(
    st.builds(
        lambda name, customer, after_h, late_h, properties: told(
            name, customer=customer, after_h=after_h, late_h=late_h, **properties
        ),
        _names,
        st.sampled_from("ab"),
        st.integers(-3, 3),
        st.integers(0, 3),
        _properties,
    ),
    max_size=12,
)


@settings(deadline=None)
@given(_events, st.randoms(use_true_random=False))
def test_rows_fit_the_tables_and_depend_neither_on_order_nor_on_other_customers(
    events: list[ToldEvent], rng: random.Random
) -> None:
    shuffled = rng.sample(events, len(events))

    rows = canonical_rows(events, currency="IRT")

    assert canonical_rows(shuffled, currency="IRT") == rows
    for table, found in rows.items():
        schema = pa.schema([(column, ARROW[kind]) for column, kind in TABLES[table].items()])
        assert pa.Table.from_pylist(found, schema=schema).num_rows == len(found)
        alone = canonical_rows([e for e in events if e.customer_id == "a"], currency="IRT")[table]
        assert alone == [row for row in found if row["customer_id"] == "a"]
