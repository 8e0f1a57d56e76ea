"""Taking in messages: each becomes an event, is known already, or is kept aside with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from service.events.message import Arrival, read_message, set_aside
from service.events.plan import TrackingPlan
from service.events.schema import EventsAnswer, KeptAside
from service.events.told import Aside, Told
from service.state import State
from service.store.event_intake import Arrived


async def take_in_events(gardoon: State, messages: Sequence[Any], sent_at: Any = None) -> EventsAnswer:
    """What became of the messages, each with its type in it; all are on disk, in one commit."""
    arrival = Arrival(
        received_at=gardoon.clock(), sent_at=sent_at, new_id=lambda: f"unnamed-{gardoon.randomness(16).hex()}"
    )
    if len(messages) == 1:
        read = [read_planned(messages[0], arrival, gardoon.plan)]
    else:  # in a thread: reading a large batch would hold up decisions
        read = await asyncio.to_thread(_read_all, messages, arrival, gardoon.plan)
    told = [each for each in read if isinstance(each, Told)]
    aside = [each for each in read if isinstance(each, Aside)]
    arrived = Arrived(told=told, aside=aside, received_at=arrival.received_at)
    new = await gardoon.intake.take_in(arrived)
    gardoon.metrics.count_events(told, new, len(aside), gardoon.plan.plans)
    kept = (
        KeptAside(index=place, message_id=each.message_id, field=each.field, fault=each.fault)
        for place, each in enumerate(read)
        if isinstance(each, Aside)
    )
    return EventsAnswer(taken=len(new), known=len(told) - len(new), kept_aside=tuple(kept))


def _read_all(messages: Sequence[Any], arrival: Arrival, plan: TrackingPlan) -> list[Told | Aside]:
    return [read_planned(each, arrival, plan) for each in messages]


def read_planned(raw: Any, arrival: Arrival, plan: TrackingPlan) -> Told | Aside:
    """What becomes of a message under the tracking plan."""
    read = read_message(raw, arrival)
    fault = plan.fault_of(read) if isinstance(read, Told) else None
    return read if fault is None else set_aside(raw, arrival, fault)
