"""Rank events on disk: what was ranked and with which probabilities, since when it counts, and what came back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select, update

from service.errors import EventReusedError, UnknownEventError
from service.store.engine import insert_or_ignore, microseconds
from service.store.tables import rank_events as events


@dataclass(frozen=True, kw_only=True)
class RankEvent:
    """One ranking as it is logged; `fingerprint`: of the request, `model`: the number of the model that ranked."""

    loop: str
    event_id: str
    ranked_at: datetime
    is_deferred: bool
    fingerprint: str
    request: dict[str, Any]
    probabilities: Sequence[float]
    action: int
    model: int
    answer: bytes

    def row(self) -> dict[str, Any]:
        """The event as a row of its table."""
        ranked_at = microseconds(self.ranked_at)
        return {
            "loop": self.loop,
            "event_id": self.event_id,
            "ranked_at": ranked_at,
            "activated_at": None if self.is_deferred else ranked_at,
            "fingerprint": self.fingerprint,
            "request": json.dumps(self.request).encode(),
            "probabilities": json.dumps(list(self.probabilities)),
            "action": self.action,
            "model": self.model,
            "answer": self.answer,
        }


def log_event(engine: Engine, event: RankEvent) -> bytes:
    """The answer that stands for the event's id: this one, or an earlier one's to the same request.

    Raises: `EventReusedError` when the id was used for another request.
    """
    with engine.begin() as connection:
        added = insert_or_ignore(engine, events).values(event.row()).returning(events.c.event_id)
        if connection.scalar(added) is not None:
            return event.answer
        known = connection.execute(select(events).where(*_is(event.loop, event.event_id))).mappings().one()
    if known["fingerprint"] != event.fingerprint:
        raise EventReusedError(f"event {event.event_id!r} was another ranking")
    answer: bytes = known["answer"]
    return answer


def reward_event(engine: Engine, loop: str, event_id: str, value: float, now: datetime) -> None:
    """Note the event's reward; the first one counts. Raises `UnknownEventError`."""
    _change(
        engine,
        loop,
        event_id,
        reward=func.coalesce(events.c.reward, value),
        rewarded_at=func.coalesce(events.c.rewarded_at, microseconds(now)),
    )


def activate_event(engine: Engine, loop: str, event_id: str, now: datetime) -> None:
    """Let the event count from now on, unless it does already. Raises `UnknownEventError`."""
    _change(engine, loop, event_id, activated_at=func.coalesce(events.c.activated_at, microseconds(now)))


def _change(engine: Engine, loop: str, event_id: str, **values: Any) -> None:
    changed = update(events).where(*_is(loop, event_id)).values(values).returning(events.c.event_id)
    with engine.begin() as connection:
        if connection.scalar(changed) is None:
            raise UnknownEventError(f"no event {event_id!r} in loop {loop!r}")


def _is(loop: str, event_id: str) -> tuple[Any, ...]:
    return events.c.loop == loop, events.c.event_id == event_id
