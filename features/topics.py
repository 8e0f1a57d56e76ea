"""The view `topics`: messages and the customer's answers to them, per topic and channel."""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from features.history import KEYS, Sources, channel_of, epoch_seconds, one_row_each, rows_within
from features.schema import OTHER_TOPIC, load_schema

DAYS: Final = 90
EVENTS: Final = {"delivered": "message_delivered", "opened": "message_opened", "clicked": "message_clicked"}


def topics(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time: three lists of counts over 90 days, in the order of the schema's columns.

    A topic that the schema does not declare, and none, count as `other`. Several clicks on one message are several.
    """
    recent = rows_within(_told(sources), as_ofs, days=DAYS)
    lists = {feature.name: feature.columns for feature in load_schema().view("topics").features}
    columns = [column for places in lists.values() for column in places]
    counts = {column: recent.count(where=recent.column == column) for column in columns}
    each = one_row_each(sources, as_ofs, recent.group_by(*KEYS).aggregate(**counts), counts=columns)
    return each.select(
        *KEYS,
        **{
            name: ibis.array([each[place].cast("float64") for place in places])
            for name, places in lists.items()
        },
    )


def _told(sources: Sources) -> ir.Table:
    """Each such event as `customer_id`, `at_s` and the name of the `column` that counts it."""
    events = sources.events
    told = events.filter(events.event.isin(list(EVENTS.values())))
    kind = told.event.cases(*((event, name) for name, event in EVENTS.items()), else_="")
    topic = told.properties.re_extract(r'"topic"\s*:\s*"([^"\\]*)"', 1)
    known = topic.isin([each for each in load_schema().topics if each != OTHER_TOPIC])
    column = kind + "_" + known.ifelse(topic, OTHER_TOPIC) + "_" + channel_of(told) + f"_{DAYS}d"
    return told.select("customer_id", at_s=epoch_seconds(told.occurred_at), column=column)
