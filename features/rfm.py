"""The view `rfm`: recency, frequency, monetary value and rhythm of the customer's orders."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.history import (
    DAY_S,
    KEYS,
    Sources,
    epoch_seconds,
    one_row_each,
    ratio,
    rows_before,
    within_days,
)

ORDER_WINDOWS = (7, 14, 28, 90, 365)
SPEND_WINDOWS = (7, 28, 90, 365)
WEEK_WINDOWS = (84, 364)
DISCOUNT_WINDOWS = (90, 365)


def rfm(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time: counts, sums and gaps of the orders before it.

    A gap is the time between an order and the one before it, counted when both lie in the last 365 days. Its standard
    deviation is the sample's, sqrt((n Σ g² - (Σ g)²) / (n (n - 1))), null below two gaps.
    """
    facts = _totals(rows_before(_orders_with_gaps(sources.orders), as_ofs))
    counts = [f"orders_{days}d" for days in ORDER_WINDOWS]
    counts += [f"weeks_with_order_{days}d" for days in WEEK_WINDOWS]
    spends = [f"spend_{days}d" for days in SPEND_WINDOWS]
    sums = [f"{sum_}_{days}d" for sum_ in ("paid_and_discount", "discount") for days in DISCOUNT_WINDOWS]
    sums += ["discounted_orders_365d", "gap_count", "gap_sum_s", "gap_square_sum_s2"]
    rows = one_row_each(sources, as_ofs, facts, counts=[*counts, *spends, *sums])

    recency_days = rows.recency_s / DAY_S
    gap_mean_days = ratio(rows.gap_sum_s, rows.gap_count) / DAY_S
    return rows.select(
        *KEYS,
        recency_days=recency_days,
        **{column: rows[column].cast("float64") for column in [*counts, *spends]},
        average_order_value=ratio(rows.spend_365d, rows.orders_365d),
        gap_mean_days=gap_mean_days,
        gap_std_days=_gap_std_s(rows) / DAY_S,
        recency_over_gap=ratio(recency_days, gap_mean_days),
        **{
            f"discount_share_{days}d": ratio(rows[f"discount_{days}d"], rows[f"paid_and_discount_{days}d"])
            for days in DISCOUNT_WINDOWS
        },
        discounted_order_share_365d=ratio(rows.discounted_orders_365d, rows.orders_365d),
        mean_discount_365d=ratio(rows.discount_365d, rows.discounted_orders_365d),
    )


def _orders_with_gaps(orders: ir.Table) -> ir.Table:
    timed = orders.mutate(at_s=epoch_seconds(orders.ordered_at))
    window = ibis.window(group_by="customer_id", order_by=["at_s", "order_id"])
    return timed.mutate(gap_s=timed.at_s - timed.at_s.lag().over(window))


def _totals(rows: ir.Table) -> ir.Table:
    both_in_year = rows.age_s + rows.gap_s <= 365 * DAY_S
    gap = rows.gap_s.cast(
        "float64"
    )  # squares of seconds: whole numbers that a float holds exactly below 2**53
    return rows.group_by(*KEYS).aggregate(
        recency_s=rows.age_s.min(),
        **{f"orders_{days}d": rows.count(where=within_days(rows, days)) for days in ORDER_WINDOWS},
        **{
            f"weeks_with_order_{days}d": ((rows.age_s - 1) // (7 * DAY_S)).nunique(
                where=within_days(rows, days)
            )
            for days in WEEK_WINDOWS
        },
        **{f"spend_{days}d": rows.amount.sum(where=within_days(rows, days)) for days in SPEND_WINDOWS},
        **{
            f"paid_and_discount_{days}d": (rows.amount + rows.discount).sum(where=within_days(rows, days))
            for days in DISCOUNT_WINDOWS
        },
        **{
            f"discount_{days}d": rows.discount.sum(where=within_days(rows, days)) for days in DISCOUNT_WINDOWS
        },
        discounted_orders_365d=rows.count(where=(rows.discount > 0) & within_days(rows, 365)),
        gap_count=rows.count(where=both_in_year),
        gap_sum_s=rows.gap_s.sum(where=both_in_year),
        gap_square_sum_s2=(gap * gap).sum(where=both_in_year),
    )


def _gap_std_s(rows: ir.Table) -> ir.FloatingValue:
    count, total = rows.gap_count.cast("float64"), rows.gap_sum_s.cast("float64")
    spread = ibis.greatest(count * rows.gap_square_sum_s2 - total * total, 0.0)
    root: ir.FloatingValue = ratio(spread, count * (count - 1.0)).sqrt()
    return ibis.ifelse(count >= 2.0, root, ibis.null("float64"))
