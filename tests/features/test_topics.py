"""The view `topics`, by hand and against counting in plain Python."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

from features.schema import CHANNELS, load_schema
from features.topics import topics
from tests.features.conftest import at

AS_OF = "2024-03-01"
LISTS = load_schema().view("topics").features


def counts(row: dict[str, Any]) -> dict[str, float]:
    """The counts of a row that are not 0, by the names of their columns."""
    named = [pair for each in LISTS for pair in zip(each.columns, row[each.name], strict=True)]
    return {column: count for column, count in named if count}


def test_messages_are_counted_by_topic_and_channel_over_ninety_days(shop: Any) -> None:
    shop.customer("a", "2023-01-01")
    shop.customer("quiet", "2023-01-01")
    for event in ("message_sent", "message_delivered", "message_clicked", "message_clicked"):
        shop.event("a", event, "2024-02-01", '{"channel":"sms","topic":"wheel"}')
    shop.event("a", "message_opened", "2024-02-01", '{"topic" : "win_back", "channel" : "email"}')
    shop.event("a", "message_opened", "2023-12-02", '{"topic": "win_back", "channel": "email"}')
    shop.event("a", "message_opened", "2023-12-01T23:59:59", '{"topic": "win_back", "channel": "email"}')
    shop.event("a", "message_delivered", AS_OF, '{"topic": "win_back", "channel": "email"}')

    found = shop.features(topics, AS_OF)

    assert counts(found["a", AS_OF]) == {
        "delivered_wheel_sms_90d": 1,
        "clicked_wheel_sms_90d": 2,
        "opened_win_back_email_90d": 2,
    }
    assert counts(found["quiet", AS_OF]) == {}


def test_an_undeclared_topic_and_none_are_the_other_and_an_unknown_channel_is_nowhere(shop: Any) -> None:
    shop.customer("a", "2023-01-01")
    for said in (
        {"channel": "sms", "topic": "winter"},
        {"channel": "sms"},
        {"channel": "sms", "topic": "other"},
        {"channel": "sms", "topic": 7},
        {"channel": "sms", "topic": 'cart" and more'},
        {"channel": "sms", "note": '"topic": "wheel"'},
        {"channel": "fax", "topic": "wheel"},
        {"topic": "wheel"},
    ):
        shop.event("a", "message_clicked", "2024-02-01", json.dumps(said))
    shop.tables["events"].append({**shop.tables["events"][0], "properties": None})

    found = shop.features(topics, AS_OF)

    assert counts(found["a", AS_OF]) == {"clicked_other_sms_90d": 6}


def test_random_messages_are_counted_as_in_plain_python(shop: Any) -> None:
    draw = random.Random(5)
    declared = load_schema().topics
    wanted: dict[str, dict[str, float]] = {name: {} for name in "abc"}
    for name in wanted:
        shop.customer(name, "2023-01-01")
    for _ in range(400):
        name, days = draw.choice("abc"), draw.choice([1, 30, 90, 91, 200])
        event = draw.choice(["sent", "delivered", "opened", "clicked"])
        topic, channel = draw.choice([*declared, "winter"]), draw.choice(CHANNELS)
        when = at(AS_OF) - timedelta(days=days)
        shop.event(
            name,
            f"message_{event}",
            when.replace(tzinfo=None).isoformat(),
            json.dumps({"topic": topic, "channel": channel}),
        )
        told = topic if topic in declared else "other"
        unseen = event == "sent" or (event == "opened" and channel in ("sms", "web_push"))
        if days <= 90 and not unseen:
            column = f"{event}_{told}_{channel}_90d"
            wanted[name][column] = wanted[name].get(column, 0) + 1

    found = shop.features(topics, AS_OF)

    assert {name: counts(found[name, AS_OF]) for name in wanted} == wanted
