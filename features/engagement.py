"""The view `engagement`: messages and the customer's answers per channel, and the hours in which the customer acts."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.funnel import funnel_steps
from features.history import (
    KEYS,
    Sources,
    channel_of,
    epoch_seconds,
    one_row_each,
    ratio,
    rows_within,
    within_days,
)
from features.population import RATES, SHARES, TIME, population_of
from features.schema import CHANNELS, HOURS

CLICK_PSEUDO_DELIVERIES = 20
"""How many deliveries at the population's click rate stand beside a customer's own. A customer of ours sees a few messages a
month, so a rate becomes mostly their own after half a year."""

ACTIVITY_PSEUDO_ACTIONS = 20
"""How many actions spread like the population's stand beside a customer's own."""

MESSAGE_COUNTS = {  # counted in the view: name -> (event, days, channels)
    "sent": ("message_sent", 28, CHANNELS),
    "delivered": ("message_delivered", 90, CHANNELS),
    "opened": ("message_opened", 90, ("email", "app_push")),
    "clicked": ("message_clicked", 90, CHANNELS),
}


def engagement(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time: message counts, shrunk click rates and the activity curve.

    click_rate = (clicked + k r) / (delivered + k), r the population's rate over the same 90 days before the same as-of time,
    k = `CLICK_PSEUDO_DELIVERIES`; null where nobody was delivered a message on the channel. Several clicks on one message
    count once at most: clicks never exceed deliveries.
    share_h = (n_h + k q_h) / (n + k), 365 days back, q_h the population's share, k = `ACTIVITY_PSEUDO_ACTIONS`.
    """
    messages, hours = _message_counts(sources, as_ofs), _hour_counts(sources, as_ofs)
    population = population_of(messages, hours) if sources.population is None else sources.population
    rated = _with_click_rates(messages, population)
    curves = _curves(hours, population)
    joined = rated.join(curves, list(KEYS))
    columns = [column for column in rated.columns if column not in KEYS]
    return joined.select(
        *(rated[key] for key in KEYS),
        **{column: rated[column].cast("float64") for column in columns},
        activity_by_hour=curves.activity_by_hour,
    )


def population_terms(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """What the sources' customers are shrunk to, one row an as-of time (see `features.population`)."""
    return population_of(_message_counts(sources, as_ofs), _hour_counts(sources, as_ofs))


def _messages(sources: Sources) -> ir.Table:
    events = sources.events
    sent = events.filter(events.event.isin([event for event, _, _ in MESSAGE_COUNTS.values()]))
    kind = sent.event.concat(" ", channel_of(sent))
    return sent.select("customer_id", "event", kind=kind, at_s=epoch_seconds(sent.occurred_at))


def _message_counts(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    longest = max(days for _, days, _ in MESSAGE_COUNTS.values())
    rows = rows_within(_messages(sources), as_ofs, days=longest)
    is_in = {days: within_days(rows, days) for _, days, _ in MESSAGE_COUNTS.values() if days < longest}
    counts = {
        f"{name}_{channel}_{days}d": rows.count(
            where=(rows.kind == f"{event} {channel}") & is_in.get(days, True)
        )
        for name, (event, days, channels) in MESSAGE_COUNTS.items()
        for channel in channels
    }
    return one_row_each(sources, as_ofs, rows.group_by(*KEYS).aggregate(**counts), counts=counts)


def _with_click_rates(messages: ir.Table, population: ir.Table) -> ir.Table:
    counts = [column for column in messages.columns if column not in KEYS]
    joined = messages.join(population, TIME)
    rates = {}
    for channel, rate in zip(CHANNELS, RATES, strict=True):
        delivered = messages[f"delivered_{channel}_90d"]
        clicked = ibis.least(messages[f"clicked_{channel}_90d"], delivered)
        rates[rate] = ratio(
            clicked + CLICK_PSEUDO_DELIVERIES * population[rate], delivered + CLICK_PSEUDO_DELIVERIES
        )
    return joined.select(*(messages[column] for column in (*KEYS, *counts)), **rates)


def _hour_counts(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """`hour_0` to `hour_23` and their sum `n_actions`, of the last 365 days."""
    rows = rows_within(_actions_in_local_hours(sources), as_ofs, days=365)
    counts = {f"hour_{hour}": rows.count(where=rows.hour == hour) for hour in HOURS}
    counts["n_actions"] = rows.count()
    return one_row_each(sources, as_ofs, rows.group_by(*KEYS).aggregate(**counts), counts=counts)


def _curves(hours: ir.Table, population: ir.Table) -> ir.Table:
    joined = hours.join(population, TIME)
    weight = hours.n_actions + ACTIVITY_PSEUDO_ACTIONS
    shares = [
        (hours[f"hour_{hour}"] + ACTIVITY_PSEUDO_ACTIONS * population[share]) / weight
        for hour, share in zip(HOURS, SHARES, strict=True)
    ]
    return joined.select(*(hours[key] for key in KEYS), activity_by_hour=ibis.array(shares))


def _actions_in_local_hours(sources: Sources) -> ir.Table:
    """Funnel steps, opens and clicks as `customer_id`, `at_s`, `hour`: the hour of the day in the customer's zone."""
    messages = _messages(sources)
    answers = messages.filter(messages.event.isin(["message_opened", "message_clicked"]))
    actions = funnel_steps(sources).select("customer_id", "at_s").union(answers.select("customer_id", "at_s"))

    zone = sources.customers.time_zone.fill_null("").nullif("").fill_null(sources.shop_time_zone)
    zones = sources.customers.select("customer_id", time_zone=zone)
    zoned = actions.join(zones, "customer_id").select("customer_id", "at_s", "time_zone")
    offsets = sources.zone_offsets
    local = zoned.join(
        offsets,
        [
            zoned.time_zone == offsets.time_zone,
            zoned.at_s >= offsets.from_s,
            zoned.at_s < offsets.until_s,
        ],
    )
    return local.select("customer_id", "at_s", hour=((local.at_s + local.offset_s) // 3600) % 24)
