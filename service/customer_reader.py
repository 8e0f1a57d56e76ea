"""Reading everything that is known of one customer."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.encoding import FeatureVector, encode, view_problem
from features.membership import belongs, ranks_the_base, values_of
from features.stored import StoredFeatures
from service.customer_schema import CustomerAnswer, SegmentNow, TimelineEvent, TraitNow, ViewNow
from service.standing_reader import allowance_now
from service.state import State
from service.store.engine import moment
from service.store.timeline import Cursor, read_anonymous_ids, read_timeline, read_traits


@dataclass(frozen=True)
class Page:
    """Which part of the timeline is asked for."""

    limit: int
    before: Cursor | None


async def read_customer_now(gardoon: State, customer_id: str, page: Page) -> CustomerAnswer:
    """What is known of the customer now; where nothing is, everything is empty and every view missing."""
    now = gardoon.clock()
    stored = await gardoon.reader.read(customer_id)
    vector = encode(stored, now=now, schema=gardoon.schema)
    return await asyncio.to_thread(_answer, gardoon, stored, vector, page, now)


def _answer(
    gardoon: State, stored: StoredFeatures, vector: FeatureVector, page: Page, now: datetime
) -> CustomerAnswer:
    customer_id = stored.customer_id
    with gardoon.engine.connect() as connection:
        rows = read_timeline(connection, customer_id, before=page.before, limit=page.limit + 1)
        traits = read_traits(connection, customer_id)
        anonymous_ids = read_anonymous_ids(connection, customer_id)
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return CustomerAnswer(
        customer_id=customer_id,
        at=now,
        traits=tuple(_traits(traits)),
        anonymous_ids=anonymous_ids,
        timeline=tuple(map(_event, shown)),
        next_before=str(Cursor(shown[-1].occurred_at, shown[-1].message_id)) if more else None,
        features=_views(gardoon, stored, now),
        degraded=vector.degraded,
        segments=_segments(gardoon, vector),
        allowance=allowance_now(gardoon, customer_id, vector, now),
    )


def _traits(rows: Iterable[Any]) -> Iterable[TraitNow]:
    for row in rows:
        value = json.loads(row.value)
        if value is not None:
            yield TraitNow(name=row.name, value=value, told_at=moment(row.told_at))


def _event(row: Any) -> TimelineEvent:
    return TimelineEvent(
        message_id=row.message_id,
        type=row.type,
        name=row.name,
        occurred_at=moment(row.occurred_at),
        received_at=moment(row.received_at),
        content=json.loads(row.content),
    )


def _views(gardoon: State, stored: StoredFeatures, now: datetime) -> tuple[ViewNow, ...]:
    """Every declared view, as stored; what is stored beside them is not shown."""
    views = []
    for view in gardoon.schema.views:
        row = stored.views.get(view.name)
        values = (
            {}
            if row is None
            else {name: row.values[name] for name in row.values if name in view.feature_names}
        )
        views.append(
            ViewNow(
                name=view.name,
                event_at=row.event_at if row else None,
                age_seconds=max((now - row.event_at).total_seconds(), 0.0) if row else None,
                problem=view_problem(view, row, now),
                values={name: _finite(value) for name, value in values.items()},
            )
        )
    return tuple(views)


def _finite(value: Any) -> Any:
    """The value as JSON can have it: what is no number is null."""
    if isinstance(value, tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _segments(gardoon: State, vector: FeatureVector) -> tuple[SegmentNow, ...]:
    values = values_of(vector, gardoon.schema)
    return tuple(
        SegmentNow(name=name, belongs=None if ranks_the_base(segment) else belongs(segment, values))
        for name, segment in sorted(gardoon.segments.items())
    )
