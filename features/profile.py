"""The view `profile`: who the customer is and how they may be reached."""

from __future__ import annotations

import ibis.expr.types as ir

from features.history import DAY_S, KEYS, Sources, customers_at
from features.schema import CHANNELS

DEMOGRAPHICS = ("age_years", "income_thousand", "household_size", "kids_count")


def profile(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time: tenure, zone, demographics, consent and reachability.

    Only the tenure is of the as-of time. The customers table holds one state of a customer and no history, so the rest is
    as last imported: a consent given later shows at earlier as-of times too. An unknown consent counts as none, an
    unknown place on the operator's blacklist as not being on it.
    """
    customers = customers_at(sources, as_ofs)
    reach = [f"{fact}_{channel}" for fact in ("consent", "reachable") for channel in CHANNELS]
    return customers.select(
        *KEYS,
        tenure_days=(customers.as_of_s - customers.joined_s) / DAY_S,
        time_zone=customers.time_zone.fill_null(""),
        **{column: customers[column].cast("float64") for column in DEMOGRAPHICS},
        **{flag: customers[flag].fill_null(False) for flag in (*reach, "sms_blacklisted")},
    )
