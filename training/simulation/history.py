"""A year of simulated messages to the households, as rows of the canonical `events` table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.schema import CHANNELS
from features.tables import MESSAGE_EVENTS
from models.feedback import Booleans, Floats, Integers
from training.importing.dataset import DatasetManifest, read_manifest, replace_table, table_schema
from training.simulation.formation import SimulationError, form_world, formation_end
from training.simulation.occasions import nth_eligible
from training.simulation.shop import Shop, Times, read_shop, to_utc, utc_microseconds
from training.simulation.traits import draw_for_each
from training.simulation.world import JOURNEYS, World

SLOT_DAYS = 4
FIRST_HOUR, LAST_HOUR = 8, 22
ARRIVAL_S = 30
OPEN_DELAY_S = 2400.0
TOPICS: Final = {
    "browse_abandonment": "browse",
    "cart_abandonment": "cart",
    "cross_sell": "cross_sell",
    "price_drop": "price_drop",
    "churn_prevention": "win_back",
    "lucky_wheel": "wheel",
}
"""What the messages of each journey are about."""
_PROPERTIES = [
    [json.dumps({"channel": channel, "topic": TOPICS[journey], "simulated": True}) for channel in CHANNELS]
    for journey in JOURNEYS
]
_SECOND = np.timedelta64(1_000_000, "us")
_DRAWS = ("day", "hour", "second", "channel", "delivered", "clicked", "opened", "open_delay", "click_delay")


def write_history(folder: Path, *, seed: int) -> DatasetManifest:
    """The data set's manifest after its simulated messages were written; the same seed writes the same bytes.

    Raises: `SimulationError` when the data set has messages of its own, which simulated ones must not be mixed with.
    """
    manifest = read_manifest(folder)
    written = pq.read_table(folder / "events.parquet")
    real = written.filter(
        pc.invert(pc.match_substring(pc.fill_null(written["properties"], ""), '"simulated": true'))
    )
    n_messages = pc.sum(pc.is_in(real["event"], pa.array(MESSAGE_EVENTS))).as_py() or 0
    if n_messages:
        raise SimulationError(
            f"{folder} has {n_messages} message events of its own; simulated ones would spoil them"
        )
    shop = read_shop(folder)
    simulated = draw_history(shop, ends_at=datetime.fromisoformat(manifest.ends_at), seed=seed)
    rows = pa.concat_tables([real.cast(table_schema("events")), simulated])
    rows = rows.sort_by([("occurred_at", "ascending"), ("customer_id", "ascending"), ("event", "ascending")])
    if rows.equals(written.cast(table_schema("events"))) and "events" in manifest.simulated:
        return manifest
    return replace_table(folder, "events", rows, simulated=True)


def draw_history(shop: Shop, *, ends_at: datetime, seed: int) -> pa.Table:
    """Simulated message events from the end of the formation to `ends_at`, by kind of event, each kind by customer and time.

    Each household gets one message in `SLOT_DAYS` from the day it joined, on a channel it consented to, each alike, in a
    local hour from `FIRST_HOUR` to `LAST_HOUR`, each alike; one it cannot be reached on bounces. Its topic is a journey's,
    each alike, and has no part in what comes of it. What is said of a time depends on orders before the formation's end and
    on who had joined by then, on no later order: features that read these events at an as-of time learn nothing from the
    future.
    """
    start = formation_end(shop)
    world = form_world(shop, habit_at=start, seed=seed)
    messages = _draw_messages(shop, start, ends_at, seed)
    events = _events_of(messages, world, shop)
    return events.filter(pc.less(events["occurred_at"], pa.scalar(ends_at, pa.timestamp("us", tz="UTC"))))


CIRCUMSTANCE: Final = -0.65
"""What a message of no journey adds to the log-odds of a click, so that app pushes are clicked as often as the talk's."""


@dataclass(frozen=True, kw_only=True)
class _Messages:
    """Messages sent, one entry each; `u` holds the uniform numbers that decide what becomes of them."""

    customers: Integers
    channels: Integers
    journeys: Integers
    hours: Integers
    sent_at: Times
    u: dict[str, Floats]


def _draw_messages(shop: Shop, start: datetime, ends_at: datetime, seed: int) -> _Messages:
    n_slots = max(int((ends_at - start) / timedelta(days=SLOT_DAYS)) + 1, 0)
    drawn = draw_for_each(shop.customer_ids, seed, "history", n_slots * len(_DRAWS))
    u = {name: drawn[:, place :: len(_DRAWS)].ravel() for place, name in enumerate(_DRAWS)}
    journeys = _floor(
        draw_for_each(shop.customer_ids, seed, "history topics", n_slots).ravel() * len(JOURNEYS)
    )
    customers = np.repeat(np.arange(shop.n_customers), n_slots)
    days = np.tile(np.arange(n_slots), shop.n_customers) * SLOT_DAYS + _floor(u["day"] * SLOT_DAYS)
    hours = FIRST_HOUR + _floor(u["hour"] * (LAST_HOUR - FIRST_HOUR + 1))
    seconds = (days * 24 + hours) * 3600 + _floor(u["second"] * 3600)
    midnight = np.datetime64(start.replace(tzinfo=None), "us")
    sent_at = to_utc(midnight + seconds * _SECOND, np.array(shop.time_zones)[customers])
    in_span = (sent_at >= utc_microseconds(start)) & (sent_at < utc_microseconds(ends_at))
    kept = in_span & (sent_at > shop.joined_at[customers]) & shop.consent[customers].any(axis=1)
    consent = shop.consent[customers[kept]]
    return _Messages(
        customers=customers[kept],
        channels=nth_eligible(consent, u["channel"][kept]),
        journeys=journeys[kept],
        hours=hours[kept],
        sent_at=sent_at[kept],
        u={name: values[kept] for name, values in u.items()},
    )


def _events_of(messages: _Messages, world: World, shop: Shop) -> pa.Table:
    customers, channels, u = messages.customers, messages.channels, messages.u
    reachable = shop.reachable[customers, channels]
    delivered = reachable & (u["delivered"] < world.delivery_probability(channels))
    at_once = np.zeros(len(customers))
    clicked = delivered & (
        u["clicked"]
        < world.click_probability(customers, channels, messages.hours, at_once, circumstance=CIRCUMSTANCE)
    )
    open_rate = np.array(world.spec.open_rate_unclicked)[channels]
    opened = delivered & (open_rate > 0) & (clicked | (u["opened"] < open_rate))
    arrived_at = messages.sent_at + ARRIVAL_S * _SECOND
    opened_at = arrived_at + _floor(np.minimum(-OPEN_DELAY_S * np.log(u["open_delay"]), 72_000)) * _SECOND
    clicked_at = opened_at + _floor(10 + 110 * u["click_delay"]) * _SECOND
    kinds: list[tuple[str, Booleans, Times]] = [
        ("message_sent", np.ones(len(customers), dtype=np.bool_), messages.sent_at),
        ("message_delivered", delivered, arrived_at),
        ("message_bounced", ~delivered, arrived_at),
        ("message_opened", opened, opened_at),
        ("message_clicked", clicked, clicked_at),
    ]
    ids = np.array(shop.customer_ids)[customers]
    properties = np.array(_PROPERTIES)[messages.journeys, channels]
    rows = [
        pa.table(
            [ids[mine], np.full(int(mine.sum()), name), at[mine], properties[mine]],
            names=table_schema("events").names,
        )
        for name, mine, at in kinds
    ]
    return pa.concat_tables(rows).cast(table_schema("events"))


def _floor(values: Floats) -> Integers:
    return values.astype(np.int64)
