"""The canonical tables that importers write and feature definitions read: one Parquet file a table.

Times are UTC timestamps in microseconds (Spark reads no finer ones); amounts are whole numbers of the shop's currency, which
the data set's manifest (`dataset.json`) names. A shop without campaigns or events has those tables with no rows.
"""

from __future__ import annotations

from typing import Final

TIMESTAMP: Final = "timestamp"

TABLES: Final[dict[str, dict[str, str]]] = {
    "customers": {
        "customer_id": "string",
        "joined_at": TIMESTAMP,
        "time_zone": "string",
        "age_years": "float64",
        "income_thousand": "float64",
        "household_size": "float64",
        "kids_count": "float64",
        "consent_email": "boolean",
        "consent_sms": "boolean",
        "consent_app_push": "boolean",
        "consent_web_push": "boolean",
        "reachable_email": "boolean",
        "reachable_sms": "boolean",
        "reachable_app_push": "boolean",
        "reachable_web_push": "boolean",
        "sms_blacklisted": "boolean",
    },
    "orders": {
        "order_id": "string",
        "customer_id": "string",
        "ordered_at": TIMESTAMP,
        "amount": "int64",  # paid, after every discount
        "discount": "int64",  # all discounts on the order, coupons among them
        "coupon_discount": "int64",
        "quantity": "int64",
    },
    "order_lines": {
        "order_id": "string",
        "product_id": "string",
        "category": "string",
        "quantity": "int64",
        "amount": "int64",
        "discount": "int64",
    },
    "campaigns": {
        "campaign_id": "string",
        "customer_id": "string",  # one row a customer who received it
        "kind": "string",
        "starts_at": TIMESTAMP,
        "ends_at": TIMESTAMP,
    },
    "coupons": {
        "coupon_id": "string",
        "campaign_id": "string",
        "product_id": "string",
    },
    "redemptions": {
        "customer_id": "string",
        "coupon_id": "string",
        "campaign_id": "string",
        "redeemed_at": TIMESTAMP,
    },
    "events": {
        "customer_id": "string",
        "event": "string",  # see EVENTS
        "occurred_at": TIMESTAMP,
        "properties": "string",  # a JSON object; `channel` for messages
    },
}

FUNNEL_EVENTS: Final = (
    "product_viewed",
    "added_to_cart",
    "cart_viewed",
    "shipping_chosen",
    "payment_chosen",
    "purchased",
)
MESSAGE_EVENTS: Final = (
    "message_sent",
    "message_delivered",
    "message_opened",
    "message_clicked",
    "message_bounced",
    "unsubscribed",
)
EVENTS: Final = FUNNEL_EVENTS + MESSAGE_EVENTS
