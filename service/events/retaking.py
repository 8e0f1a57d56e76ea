"""Taking in again what was kept aside, once the plan or the service is mended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Engine

from service.events.intake import read_planned
from service.events.message import Arrival
from service.events.plan import TrackingPlan
from service.events.told import Aside, Told
from service.store.aside_log import give_reason, read_aside
from service.store.engine import moment
from service.store.event_log import record_events

_AT_ONCE: Final = 500


@dataclass
class Retaken:
    """How many messages became events, were known already, and stay aside."""

    taken: int = 0
    known: int = 0
    left: int = 0


def take_in_again(engine: Engine, plan: TrackingPlan) -> Retaken:
    """What became of everything kept aside; each message is read as if it came again when it first came."""
    done, last = Retaken(), ""
    while True:
        with engine.connect() as connection:
            rows = read_aside(connection, after=last, limit=_AT_ONCE)
        for row in rows:
            _take(engine, plan, row, done)
        if not rows:
            return done
        last = rows[-1].message_id


def _take(engine: Engine, plan: TrackingPlan, row: Any, done: Retaken) -> None:
    came = json.loads(row.content)
    received_at = moment(row.received_at)
    own_id = partial(str, row.message_id)
    arrival = Arrival(received_at=received_at, sent_at=came["sentAt"], new_id=own_id)
    match read_planned(came["message"], arrival, plan):
        case Told() as told:
            new = record_events(engine, [told], [], received_at=received_at)
            done.taken += len(new)
            done.known += 1 - len(new)
        case Aside() as aside:
            done.left += 1
            if (aside.field, aside.fault) != (row.field, row.fault):
                give_reason(engine, aside)
