"""What every customer's engagement is shrunk to: the base's click rate per channel and its activity curve.

These need everybody's events, the rest of a customer's features only their own. A batch computes them with the snapshots and
stores them beside; whoever computes features of a few customers takes the stored ones.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.history import ratio
from features.schema import CHANNELS, HOURS

TIME = "event_timestamp"
POPULATION_FILE = "population.parquet"
RATES = tuple(f"click_rate_{channel}" for channel in CHANNELS)
SHARES = tuple(f"share_{hour}" for hour in HOURS)
TERMS = RATES + SHARES


def population_of(messages: ir.Table, hours: ir.Table) -> ir.Table:
    """One row an as-of time with `TERMS`, from the counts of every customer.

    click_rate = Σ clicked / Σ delivered, null where nobody was delivered a message; of a customer no more clicks count than
    deliveries. share_h = (Σ n_h + 1) / (Σ n + 24).
    """
    sums = {}
    for channel in CHANNELS:
        delivered = messages[f"delivered_{channel}_90d"]
        sums[f"delivered_{channel}"] = delivered.sum()
        sums[f"clicked_{channel}"] = ibis.least(messages[f"clicked_{channel}_90d"], delivered).sum()
    answered = messages.group_by(TIME).aggregate(**sums)
    counted = [*(f"hour_{hour}" for hour in HOURS), "n_actions"]
    acted = hours.group_by(TIME).aggregate(**{name: hours[name].sum() for name in counted})
    both = answered.join(acted, TIME)
    return both.select(
        TIME,
        **{
            rate: ratio(both[f"clicked_{channel}"], both[f"delivered_{channel}"])
            for rate, channel in zip(RATES, CHANNELS, strict=True)
        },
        **{
            share: ratio(both[f"hour_{hour}"] + 1, both.n_actions + len(HOURS))
            for share, hour in zip(SHARES, HOURS, strict=True)
        },
    )
