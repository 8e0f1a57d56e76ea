"""What an order costs, what one more order costs than there would have been anyway, beside what a new customer's costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.feedback import Floats
from training.measures.interval import UNKNOWN, Interval, mean_of, ratio_of

HOLDOUT = "holdout"


@dataclass(frozen=True, kw_only=True)
class CustomerSums:
    """What was told of each customer of a group of a journey, `(n_customers,)` each; amounts in the shop's currency."""

    messages: Floats
    orders: Floats
    revenue: Floats
    discount: Floats

    def cost(self, message_cost: float) -> Floats:
        """Both parts of it: discounts redeemed + messages × what one costs, `(n_customers,)`."""
        return np.asarray(self.discount + self.messages * message_cost)


@dataclass(frozen=True, kw_only=True)
class EconomicsRow:
    """A group of a journey; what is incremental is against that journey's hold-out. Costs in the shop's currency."""

    journey: str
    group: str
    customers: int
    messages: int
    orders: int
    revenue: float
    discount_cost: float
    message_cost: float
    cost: float
    cost_per_order: float
    cost_per_order_low: float
    cost_per_order_high: float
    incremental_orders: float
    incremental_orders_low: float
    incremental_orders_high: float
    cost_per_incremental_order: float
    cost_per_incremental_order_low: float
    cost_per_incremental_order_high: float
    acquisition_cost: float | None
    cost_share_of_acquisition: float


def cost_per_order(cost: float, orders: float) -> float:
    """cost/orders: retention's CPO and acquisition's CAC are the same quotient; nan without an order.

    >>> round(cost_per_order(500_000, 3))
    166667
    """
    return cost / orders if orders else math.nan


def economics(
    groups: Mapping[tuple[str, str], CustomerSums], *, message_cost: float, acquisition_cost: float | None
) -> Sequence[EconomicsRow]:
    """One row a (journey, group), by name."""
    return [
        _row(
            journey,
            group,
            groups[journey, group],
            None if group == HOLDOUT else groups.get((journey, HOLDOUT)),
            message_cost=message_cost,
            acquisition_cost=acquisition_cost,
        )
        for journey, group in sorted(groups)
    ]


def _row(
    journey: str,
    group: str,
    mine: CustomerSums,
    held_out: CustomerSums | None,
    *,
    message_cost: float,
    acquisition_cost: float | None,
) -> EconomicsRow:
    costs = mine.cost(message_cost)
    per_order = ratio_of(costs, mine.orders)
    more = incremental_orders(mine.orders, held_out.orders) if held_out is not None else UNKNOWN
    per_more = (
        cost_per_incremental_order(costs, mine.orders, held_out.orders) if held_out is not None else UNKNOWN
    )
    return EconomicsRow(
        journey=journey,
        group=group,
        customers=len(mine.orders),
        messages=int(mine.messages.sum()),
        orders=int(mine.orders.sum()),
        revenue=float(mine.revenue.sum()),
        discount_cost=float(mine.discount.sum()),
        message_cost=float(mine.messages.sum()) * message_cost,
        cost=float(costs.sum()),
        cost_per_order=per_order.value,
        cost_per_order_low=per_order.low,
        cost_per_order_high=per_order.high,
        incremental_orders=more.value,
        incremental_orders_low=more.low,
        incremental_orders_high=more.high,
        cost_per_incremental_order=per_more.value,
        cost_per_incremental_order_low=per_more.low,
        cost_per_incremental_order_high=per_more.high,
        acquisition_cost=acquisition_cost,
        cost_share_of_acquisition=per_more.value / acquisition_cost if acquisition_cost else math.nan,
    )


def incremental_orders(orders: Floats, held_out: Floats) -> Interval:
    """n (ō - ō_h): a group's orders beyond what its customers would have made if they had been held out.

    Var = n² (s²/n + s_h²/n_h), s² of orders a customer; customers were drawn into the groups by chance.
    """
    n = len(orders)
    mean, other = mean_of(orders), mean_of(held_out)
    value = n * (mean.value - other.value)
    half = n * math.hypot(mean.high - mean.value, other.high - other.value)
    return Interval(value, value - half, value + half)


def cost_per_incremental_order(costs: Floats, orders: Floats, held_out: Floats) -> Interval:
    """R = c̄/(ō - ō_h) by the delta method: Var R ≈ (Var(c̄ - R ō) + R² Var ō_h)/(ō - ō_h)².

    Unknown where the interval of the incremental orders reaches 0 or less: what was not shown to be gained has no price.
    """
    more = incremental_orders(orders, held_out)
    if not more.low > 0:
        return UNKNOWN
    gained = more.value / len(orders)
    value = float(costs.mean()) / gained
    own, other = mean_of(costs - value * orders), mean_of(held_out)
    half = math.hypot(own.high - own.value, value * (other.high - other.value)) / gained
    return Interval(value, value - half, value + half)
