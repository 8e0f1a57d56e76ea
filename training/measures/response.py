"""Response to messages by channel, hour of sending and topic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.tables import MESSAGE_EVENTS
from models.feedback import Booleans, Integers
from training.measures.interval import UNKNOWN, clustered_share_of, sums_by
from training.measures.moment import DAY_US, local_times

ATTRIBUTION_DAYS: Final = 7
"""How long after a message was sent a response may be to it."""
_SENT: Final = MESSAGE_EVENTS.index("message_sent")


@dataclass(frozen=True, kw_only=True)
class MessageEvents:
    """Events about messages by time, `(n_events,)` each; `kind` is a place in `MESSAGE_EVENTS`."""

    customer: Integers
    kind: Integers
    channel: NDArray[np.str_]
    topic: NDArray[np.str_]
    at_us: Integers


@dataclass(frozen=True, kw_only=True)
class SentMessages:
    """Messages that were sent and what came of each, `(n_messages,)` each; `hour` by the customer's clock."""

    customer: Integers
    channel: NDArray[np.str_]
    topic: NDArray[np.str_]
    hour: Integers
    delivered: Booleans
    bounced: Booleans
    opened: Booleans
    clicked: Booleans
    unsubscribed: Booleans


@dataclass(frozen=True, kw_only=True)
class ResponseRow:
    """Messages of one channel, hour or topic; opens and clicks are shares of those delivered, all with their intervals.

    open_rate: nan where no open was told of, for many channels cannot tell.
    source: events, what engines told of messages; decisions, what came back as outcomes of our own.
    """

    source: str
    by: str | int
    sent: int
    delivered: int
    bounced: int
    opened: int
    clicked: int
    unsubscribed: int
    delivery_rate: float
    delivery_rate_low: float
    delivery_rate_high: float
    open_rate: float
    open_rate_low: float
    open_rate_high: float
    click_rate: float
    click_rate_low: float
    click_rate_high: float


def trace(events: MessageEvents, time_zones: NDArray[np.str_]) -> tuple[SentMessages, int]:
    """What came of each message sent, and the number of responses to none of them; zones are `(n_customers,)`.

    Events do not say which message they are about: one is about the last that was sent to that customer over that channel on
    that topic, at most `ATTRIBUTION_DAYS` before.
    """
    channels, channel = np.unique(events.channel, return_inverse=True)
    topics, topic = np.unique(events.topic, return_inverse=True)
    group = (events.customer * len(channels) + channel) * len(topics) + topic
    sent = np.flatnonzero(events.kind == _SENT)
    sent = sent[np.lexsort((events.at_us[sent], group[sent]))]
    ranks = np.unique(events.at_us, return_inverse=True)[1].reshape(-1)
    key = group * (len(ranks) + 1) + ranks
    flags = {kind: np.zeros(len(sent), dtype=bool) for kind in MESSAGE_EVENTS}
    n_lost = 0
    for place, kind in enumerate(MESSAGE_EVENTS):
        told = np.flatnonzero(events.kind == place)
        if place == _SENT:
            continue
        last = np.searchsorted(key[sent], key[told], side="right") - 1
        about = sent[np.maximum(last, 0)] if len(sent) else told
        fits = (last >= 0) & (group[about] == group[told])
        fits &= events.at_us[told] - events.at_us[about] <= ATTRIBUTION_DAYS * DAY_US
        flags[kind][last[fits]] = True
        n_lost += int((~fits).sum())
    who = events.customer[sent]
    opened, clicked = flags["message_opened"], flags["message_clicked"]
    unsubscribed = flags["unsubscribed"]
    clock = local_times(events.at_us[sent], time_zones[who])
    messages = SentMessages(
        customer=who,
        channel=events.channel[sent],
        topic=events.topic[sent],
        hour=clock.astype("datetime64[h]").astype(np.int64) % 24,
        delivered=flags["message_delivered"] | opened | clicked,
        bounced=flags["message_bounced"],
        opened=opened,
        clicked=clicked,
        unsubscribed=unsubscribed,
    )
    return messages, n_lost


def response(source: str, messages: SentMessages, by: NDArray[np.generic]) -> list[ResponseRow]:
    """One row a value of `by`, `(n_messages,)`, ascending."""
    return [_row(source, value, messages, by == value) for value in np.unique(by)]


def _row(source: str, by: np.generic, messages: SentMessages, mine: Booleans) -> ResponseRow:
    counts = {
        name: int(getattr(messages, name)[mine].sum())
        for name in ("delivered", "bounced", "opened", "clicked", "unsubscribed")
    }
    who, place = np.unique(messages.customer[mine], return_inverse=True)
    received, opened, clicked = (
        sums_by(place, flags[mine], len(who))
        for flags in (messages.delivered, messages.opened, messages.clicked)
    )
    sent = sums_by(place, np.ones(len(place)), len(who))
    deliveries, clicks = clustered_share_of(received, sent), clustered_share_of(clicked, received)
    opens = clustered_share_of(opened, received) if counts["opened"] else UNKNOWN
    return ResponseRow(
        source=source,
        by=by.item(),
        sent=len(place),
        **counts,
        delivery_rate=deliveries.value,
        delivery_rate_low=deliveries.low,
        delivery_rate_high=deliveries.high,
        open_rate=opens.value,
        open_rate_low=opens.low,
        open_rate_high=opens.high,
        click_rate=clicks.value,
        click_rate_low=clicks.low,
        click_rate_high=clicks.high,
    )


def response_by(told: Iterable[tuple[str, SentMessages]], name: str) -> list[ResponseRow]:
    """The rows of each source by `channel`, `hour` or `topic`."""
    return [row for source, messages in told for row in response(source, messages, getattr(messages, name))]
