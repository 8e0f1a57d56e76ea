"""The last decisions of a span of time: as many as a page looks at, not all that there were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from models.packing import unpack
from service.store.engine import microseconds
from service.store.tables import decisions

LOOKED_AT: Final = 20


def last_records(
    connection: Connection, journey: str, begins: datetime, ends: datetime, group: str | None = None
) -> Iterator[dict[str, Any]]:
    """The records of the last `LOOKED_AT` decisions of a journey in [begins, ends), newest first; of one group or all."""
    decided = decisions.c.decided_at
    query = (
        select(decisions.c.record)
        .where(decisions.c.journey == journey)
        .where(decided >= microseconds(begins), decided < microseconds(ends))
        .order_by(decided.desc())
        .limit(LOOKED_AT)
    )
    if group is not None:
        query = query.where(decisions.c.group_name == group)
    for content in connection.scalars(query):
        yield json.loads(unpack(content))
