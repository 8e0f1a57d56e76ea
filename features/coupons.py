"""The view `coupons`: coupons and coupon campaigns the customer received and used."""

from __future__ import annotations

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

WINDOWS = (28, 365)


def coupons(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time: coupons received, redeemed and run out unused.

    A customer's coupon campaign counts as one coupon: received when it starts, run out when it ends without a redemption
    of that campaign by that customer before the as-of time. `coupon_use_share_365d` is the share of the year's received ones
    that were redeemed by then, so it never exceeds 1.
    """
    received, redeemed = _received(sources), _redeemed(sources)
    with_use = _with_first_use(received, redeemed)
    facts = [_won(with_use, as_ofs), _used(redeemed, as_ofs), _expired(with_use, as_ofs)]
    views = [
        one_row_each(sources, as_ofs, fact, counts=[c for c in fact.columns if c.startswith("coupons_")])
        for fact in facts
    ]
    won, used, expired = views
    joined = won.join(used, list(KEYS)).join(expired, list(KEYS))
    columns = [column for column in joined.columns if column not in KEYS and not column.endswith("_right")]
    return joined.select(*KEYS, **{column: joined[column].cast("float64") for column in columns})


def _received(sources: Sources) -> ir.Table:
    campaigns = sources.campaigns
    each = campaigns.group_by("customer_id", "campaign_id")
    return each.aggregate(
        starts_s=epoch_seconds(campaigns.starts_at).min(), ends_s=epoch_seconds(campaigns.ends_at).max()
    )


def _redeemed(sources: Sources) -> ir.Table:
    redemptions = sources.redemptions
    return redemptions.select("customer_id", "campaign_id", at_s=epoch_seconds(redemptions.redeemed_at))


def _with_first_use(received: ir.Table, redeemed: ir.Table) -> ir.Table:
    """What was received, with the time `used_s` of its first redemption, null if there is none yet."""
    first = redeemed.group_by("customer_id", "campaign_id").aggregate(used_s=redeemed.at_s.min())
    return received.left_join(first, ["customer_id", "campaign_id"]).select(
        received.customer_id, received.starts_s, received.ends_s, first.used_s
    )


def _won(received: ir.Table, as_ofs: ir.Table) -> ir.Table:
    rows = rows_before(received.mutate(at_s=received.starts_s), as_ofs)
    in_year = within_days(rows, 365)
    used = rows.used_s.notnull() & (
        rows.used_s < rows.as_of_s
    )  # never null: Spark counts no rows as null then
    won = rows.group_by(*KEYS).aggregate(
        **{f"coupons_won_{days}d": rows.count(where=within_days(rows, days)) for days in WINDOWS},
        used=rows.count(where=in_year & used),
    )
    share = ratio(won.used, won.coupons_won_365d)
    return won.mutate(coupon_use_share_365d=share).drop("used")


def _used(redeemed: ir.Table, as_ofs: ir.Table) -> ir.Table:
    rows = rows_before(redeemed, as_ofs)
    return rows.group_by(*KEYS).aggregate(
        **{f"coupons_redeemed_{days}d": rows.count(where=within_days(rows, days)) for days in WINDOWS},
        days_since_redemption=rows.age_s.min() / DAY_S,
    )


def _expired(received: ir.Table, as_ofs: ir.Table) -> ir.Table:
    rows = rows_before(received.mutate(at_s=received.ends_s), as_ofs)
    unused = rows.used_s.isnull() | (rows.used_s >= rows.as_of_s)
    expired = rows.count(where=unused & within_days(rows, 365))
    return rows.group_by(*KEYS).aggregate(coupons_expired_365d=expired)
