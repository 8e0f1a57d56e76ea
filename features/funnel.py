"""The view `funnel`: steps of the purchase funnel seen lately."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.history import KEYS, Sources, epoch_seconds, one_row_each, rows_before, within_days

WINDOWS = (1, 7, 28)
PURCHASE = "purchased"
STEPS = {  # event: (its counts' name, its age's name)
    "product_viewed": ("product_views", "product_view"),
    "added_to_cart": ("adds_to_cart", "add_to_cart"),
    "cart_viewed": ("cart_views", "cart_view"),
    "shipping_chosen": ("shipping_choices", "shipping_choice"),
    "payment_chosen": ("payment_choices", "payment_choice"),
    PURCHASE: ("purchases", "purchase"),
}


def funnel(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time: counts of each step and minutes since its last time, null if never.

    Purchases are the orders; `purchased` events are left out, for they would count an order twice.
    """
    rows = rows_before(funnel_steps(sources), as_ofs)
    counts = {
        f"{plural}_{days}d": rows.count(where=(rows.step == step) & within_days(rows, days))
        for step, (plural, _) in STEPS.items()
        for days in WINDOWS
    }
    ages = {
        f"minutes_since_{single}": rows.age_s.min(where=rows.step == step) / 60
        for step, (_, single) in STEPS.items()
    }
    facts = rows.group_by(*KEYS).aggregate(**counts, **ages)
    each = one_row_each(sources, as_ofs, facts, counts=counts)
    return each.select(*KEYS, **{column: each[column].cast("float64") for column in [*counts, *ages]})


def funnel_steps(sources: Sources) -> ir.Table:
    """Every step ever taken as `customer_id`, `step`, `at_s`."""
    events, orders = sources.events, sources.orders
    steps = events.filter(events.event.isin([step for step in STEPS if step != PURCHASE]))
    seen = steps.select("customer_id", step=steps.event, at_s=epoch_seconds(steps.occurred_at))
    bought = orders.select("customer_id", step=ibis.literal(PURCHASE), at_s=epoch_seconds(orders.ordered_at))
    return seen.union(bought)
