"""What came of messages, by channel, hour and topic."""

from __future__ import annotations

import math

import numpy as np

from features.tables import MESSAGE_EVENTS
from training.measures.moment import DAY_US
from training.measures.response import MessageEvents, response_by, trace

HOUR_US = DAY_US // 24


def events(*told: tuple[int, str, str, str, float]) -> MessageEvents:
    """Events as (customer, kind, channel, topic, hours since 1970), in time."""
    customer, kind, channel, topic, hours = zip(*told, strict=True)
    return MessageEvents(
        customer=np.array(customer),
        kind=np.array([MESSAGE_EVENTS.index(each) for each in kind]),
        channel=np.array(channel),
        topic=np.array(topic),
        at_us=(np.array(hours) * HOUR_US).astype(np.int64),
    )


def test_a_click_is_of_the_last_message_on_its_channel_and_topic() -> None:
    told = events(
        (0, "message_sent", "sms", "wheel", 0),
        (0, "message_sent", "sms", "cart", 1),
        (0, "message_sent", "email", "wheel", 2),
        (1, "message_sent", "sms", "wheel", 3),
        (0, "message_sent", "sms", "wheel", 4),
        (0, "message_clicked", "sms", "wheel", 5),
        (1, "message_bounced", "sms", "wheel", 5),
    )

    messages, n_lost = trace(told, np.array(["Asia/Tehran", "UTC"]))

    clicked = messages.clicked.nonzero()[0]
    assert [(messages.topic[k], messages.channel[k], messages.hour[k]) for k in clicked] == [
        ("wheel", "sms", 7)
    ]
    assert messages.delivered.sum() == 1
    assert messages.bounced.sum() == 1
    assert n_lost == 0


def test_a_response_to_no_message_or_long_after_it_is_counted_apart() -> None:
    told = events(
        (0, "message_opened", "sms", "wheel", 0),
        (0, "message_sent", "sms", "wheel", 1),
        (1, "message_clicked", "sms", "wheel", 2),
        (0, "message_clicked", "sms", "wheel", 1 + 24 * 7.1),
    )

    messages, n_lost = trace(told, np.array(["UTC", "UTC"]))

    assert n_lost == 3
    assert not messages.clicked.any()


def test_rates_are_of_delivered_messages_and_what_was_never_told_is_not_zero() -> None:
    told = events(
        *((who, "message_sent", "sms", "wheel", 0) for who in range(10)),
        *((who, "message_delivered", "sms", "wheel", 1) for who in range(8)),
        *((who, "message_clicked", "sms", "wheel", 2) for who in range(2)),
    )
    messages, _ = trace(told, np.full(10, "UTC"))

    (row,) = response_by([("events", messages)], "channel")

    assert (row.source, row.by, row.sent, row.delivered, row.clicked) == ("events", "sms", 10, 8, 2)
    assert (row.delivery_rate, row.click_rate) == (0.8, 0.25)
    assert 0 <= row.click_rate_low < 0.25 < row.click_rate_high <= 1
    assert math.isnan(row.open_rate)
    assert math.isnan(row.open_rate_low)
    assert 0.4 < row.delivery_rate_low < 0.8 < row.delivery_rate_high < 1
    assert [row.by for row in response_by([("events", messages)], "hour")] == [0]


def test_what_always_happens_to_the_same_customers_is_no_independent_news() -> None:
    """Two of four customers open all of forty messages: as much is known of the rate as of four customers."""
    moments = range(0, 400, 10)
    told = events(
        *((who, "message_sent", "email", "wheel", hour) for hour in moments for who in range(4)),
        *((who, "message_delivered", "email", "wheel", hour + 1) for hour in moments for who in range(4)),
        *((who, "message_opened", "email", "wheel", hour + 2) for hour in moments for who in range(2)),
    )
    messages, _ = trace(told, np.full(4, "UTC"))

    (row,) = response_by([("events", messages)], "channel")

    assert (row.sent, row.open_rate) == (160, 0.5)
    assert row.open_rate_high - row.open_rate_low > 0.7
    assert row.delivery_rate_low < 0.6  # of four customers to whom all of it came


def test_a_channel_that_delivered_nothing_has_no_click_rate() -> None:
    messages, _ = trace(events((0, "message_sent", "sms", "wheel", 0)), np.array(["UTC"]))

    (row,) = response_by([("events", messages)], "topic")

    assert math.isnan(row.click_rate)
    assert math.isnan(row.click_rate_low)
