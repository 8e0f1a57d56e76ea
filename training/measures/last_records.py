"""The last decisions of a journey in a span of time, as the log has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, column, select, table

from models.packing import unpack
from training.evaluation.round_labels import microseconds

_decisions = table("decisions", *map(column, ("journey", "decided_at", "record")))


def last_records(
    connection: Connection, journey: str, begins: datetime, ends: datetime, most: int
) -> Iterator[dict[str, Any]]:
    """The records of at most so many decisions in [begins, ends), newest first."""
    decided = _decisions.c.decided_at
    query = (
        select(_decisions.c.record)
        .where(_decisions.c.journey == journey)
        .where(decided >= microseconds(begins), decided < microseconds(ends))
        .order_by(decided.desc())
        .limit(most)
    )
    for content in connection.scalars(query):
        yield json.loads(unpack(content))
