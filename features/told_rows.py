"""What was told of customers as rows of the canonical tables: the one mapping, of a log as a whole and of a few customers.

- **orders** are `purchased` events. A later message with the same `order_id` of the same customer corrects the order: the
  one received last counts, its time too. `coupon_discount` is what the coupons redeemed on the order took off it.
- **order_lines** are the orders' products; one that cannot be a line is left out of them, and the order stays.
- **campaigns** are coupons given, by code; one ends when it is told as expired, else at its `expires_at`.
- **redemptions** are coupons redeemed, one per code and order.
- **events** are the steps of the funnel, and messages with their channel and topic.
- **customers** are all of whom anything was told, since the first of it, with the traits that are named like a column. Who
  unsubscribes from a channel, not only from a topic, takes the consent back until it is told anew.

A customer's rows depend on nobody else's events, so events may be mapped in parts, each customer's whole in one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from features.told import (
    COUPON_EXPIRED,
    COUPON_GIVEN,
    COUPON_REDEEMED,
    MESSAGES,
    PURCHASED,
    STEPS,
    TRAITS,
    ToldEvent,
    ToldTrait,
    event_fault,
    parse_moment,
    product_fault,
    products_of,
    trait_fault,
)

Row = dict[str, Any]


def canonical_rows(
    events: Iterable[ToldEvent], traits: Iterable[ToldTrait] = (), *, currency: str
) -> dict[str, list[Row]]:
    """The rows by table; a row lacks the columns of which nothing was told, and has None for a trait that was taken back.

    Of what `event_fault` or `trait_fault` finds a fault with nothing is used but that the customer was there. The order of
    what is given makes no difference.
    """
    told = sorted(events, key=lambda event: (event.received_at, event.occurred_at, event.message_id))
    said = sorted(traits, key=lambda trait: (trait.customer_id, trait.name))
    usable = [event for event in told if event_fault(event, currency=currency) is None]
    by_name: dict[str | None, list[ToldEvent]] = defaultdict(list)
    for event in usable:
        by_name[event.track].append(event)
    redeemed = _latest(by_name[COUPON_REDEEMED], "code", "order_id")
    purchased = _latest(by_name[PURCHASED], "order_id")
    return {
        "customers": _customers(told, said, by_name["unsubscribed"]),
        "orders": _orders(purchased, redeemed),
        "order_lines": [line for event in purchased for line in _lines(event)],
        "campaigns": _campaigns(by_name[COUPON_GIVEN], by_name[COUPON_EXPIRED]),
        "redemptions": [_redemption(event) for event in redeemed],
        "events": [_event(event) for event in usable if event.track in STEPS | MESSAGES],
    }


def _latest(events: Iterable[ToldEvent], *names: str) -> Sequence[ToldEvent]:
    """Of a customer's events with the same of these properties the one received last."""
    last = {(event.customer_id, *(event.properties[name] for name in names)): event for event in events}
    return sorted(last.values(), key=lambda event: (event.occurred_at, event.message_id))


def _orders(purchased: Iterable[ToldEvent], redeemed: Iterable[ToldEvent]) -> list[Row]:
    taken_off: dict[tuple[str, str], int] = defaultdict(int)
    for event in redeemed:
        taken_off[event.customer_id, event.properties["order_id"]] += event.properties.get("discount") or 0
    rows = []
    for event in purchased:
        told = event.properties
        in_lines = sum(line["quantity"] for line in _lines(event))
        by_coupon = taken_off[event.customer_id, told["order_id"]]
        rows.append(
            {
                "order_id": told["order_id"],
                "customer_id": event.customer_id,
                "ordered_at": event.occurred_at,
                "amount": told["amount"],
                "discount": max(told.get("discount") or 0, by_coupon),
                "coupon_discount": by_coupon,
                "quantity": (in_lines or 1) if told.get("quantity") is None else told["quantity"],
            }
        )
    return rows


def _lines(event: ToldEvent) -> list[Row]:
    return [
        {
            "order_id": event.properties["order_id"],
            "product_id": told["product_id"],
            "category": told.get("category"),
            "quantity": 1 if told.get("quantity") is None else told["quantity"],
            "amount": told.get("amount"),
            "discount": told.get("discount") or 0,
        }
        for told in products_of(event)
        if product_fault(told) is None
    ]


def _campaigns(given: Iterable[ToldEvent], expired: Iterable[ToldEvent]) -> list[Row]:
    """One row a customer and code. A coupon that is only told as expired has no start: it counts as run out alone."""
    rows: dict[tuple[str, str], Row] = {}
    for event in given:
        row = rows.setdefault(_coupon(event), _campaign(event) | {"starts_at": event.occurred_at})
        row["starts_at"] = min(row["starts_at"], event.occurred_at)
        row["ends_at"] = parse_moment(event.properties.get("expires_at")) or row["ends_at"]
    ended: dict[tuple[str, str], datetime] = {}
    for event in expired:
        ended[_coupon(event)] = min(ended.get(_coupon(event), event.occurred_at), event.occurred_at)
        rows.setdefault(_coupon(event), _campaign(event))
    for coupon, ended_at in ended.items():
        rows[coupon]["ends_at"] = ended_at
    return [rows[coupon] for coupon in sorted(rows)]


def _coupon(event: ToldEvent) -> tuple[str, str]:
    return event.customer_id, event.properties["code"]


def _campaign(event: ToldEvent) -> Row:
    customer_id, code = _coupon(event)
    return {
        "campaign_id": code,
        "customer_id": customer_id,
        "kind": "coupon",
        "starts_at": None,
        "ends_at": None,
    }


def _redemption(event: ToldEvent) -> Row:
    customer_id, code = _coupon(event)
    return {
        "customer_id": customer_id,
        "coupon_id": code,
        "campaign_id": code,
        "redeemed_at": event.occurred_at,
    }


def _event(event: ToldEvent) -> Row:
    kept = ("channel", "topic") if event.track in MESSAGES else ()
    properties = {name: event.properties[name] for name in kept if event.properties.get(name) is not None}
    return {
        "customer_id": event.customer_id,
        "event": event.track,
        "occurred_at": event.occurred_at,
        "properties": json.dumps(properties),
    }


def _customers(
    told: Iterable[ToldEvent], said: Iterable[ToldTrait], unsubscribed: Iterable[ToldEvent]
) -> list[Row]:
    rows: dict[str, Row] = {}
    for who, at in [(e.customer_id, e.occurred_at) for e in told] + [
        (t.customer_id, t.told_at) for t in said
    ]:
        row = rows.setdefault(who, {"customer_id": who, "joined_at": at})
        row["joined_at"] = min(row["joined_at"], at)
    since: dict[tuple[str, str], datetime] = {}
    for trait in said:
        if trait.name in TRAITS and trait_fault(trait) is None:
            rows[trait.customer_id][trait.name] = trait.value
            since[trait.customer_id, trait.name] = trait.told_at
    for event in unsubscribed:
        consent = f"consent_{event.properties['channel']}"
        told_at = since.get((event.customer_id, consent))
        if event.properties.get("topic") is None and (told_at is None or told_at <= event.occurred_at):
            rows[event.customer_id][consent] = False
    return [rows[who] for who in sorted(rows)]
