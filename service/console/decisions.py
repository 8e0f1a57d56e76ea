"""The decisions as they are made, newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, select

from models.packing import unpack
from service.store.engine import moment
from service.store.tables import decisions

SHOWN: Final = 50


@dataclass(frozen=True)
class DecisionRow:
    """A decision as the list shows it; `answer` is what was answered."""

    decision_id: str
    decided_at: datetime
    answer: dict[str, Any]

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that took something away, each once."""
        return tuple(dict.fromkeys(reason["rule"] for reason in self.answer["reasons"]))


def newest_decisions(
    engine: Engine, *, journey: str = "", before: str = "", limit: int = SHOWN
) -> list[DecisionRow]:
    """The last decisions, all or a journey's, those before a decision id where one is given: ids are in order of time."""
    columns = (decisions.c.decision_id, decisions.c.decided_at, decisions.c.record)
    query = select(*columns).order_by(decisions.c.decision_id.desc()).limit(limit)
    if journey:
        query = query.where(decisions.c.journey == journey)
    if before:
        query = query.where(decisions.c.decision_id < before)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        DecisionRow(
            row.decision_id, moment(row.decided_at), json.loads(json.loads(unpack(row.record))["answer"])
        )
        for row in rows
    ]
