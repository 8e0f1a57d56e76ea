"""Rank events whose waiting time is over, folded into their loops' models: each once, also after a crash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection, Engine, Row, select, tuple_, update

from models.feedback import Floats
from models.hashed_design import hashed_designs
from service.personalizer.model_store import RankModel, put_model, read_model
from service.store.engine import microseconds
from service.store.tables import rank_events as events

AT_ONCE = 500


@dataclass(frozen=True)
class RankRewards:
    """How an event's reward is made: what came within the wait, else the default."""

    wait: timedelta
    default: float


def learn_rankings(engine: Engine, rewards: RankRewards, now: datetime) -> int:
    """How many events were learnt: the marks on them are committed with the models, `AT_ONCE` at a time.

    What was never activated is never learnt. A reward that came after the wait stays in the log and teaches nothing.
    """
    learnt = 0
    while True:
        with engine.begin() as connection:
            rows = _closed(connection, now - rewards.wait)
            for loop in sorted({row.loop for row in rows}):
                _fold(engine, connection, [row for row in rows if row.loop == loop], rewards)
        learnt += len(rows)
        if len(rows) < AT_ONCE:
            return learnt


def _closed(connection: Connection, before: datetime) -> Sequence[Row[tuple[object, ...]]]:
    """The oldest events that are not learnt yet and took effect before this moment."""
    open_ = select(events).where(events.c.learnt.is_(None), events.c.activated_at < microseconds(before))
    return connection.execute(open_.order_by(events.c.activated_at).limit(AT_ONCE)).all()


def _fold(
    engine: Engine, connection: Connection, rows: Sequence[Row[tuple[object, ...]]], rewards: RankRewards
) -> None:
    loop = rows[0].loop
    model = read_model(connection, loop)
    designs = np.array([_design(row.request, row.action) for row in rows])
    found = np.array([_reward(row, rewards) for row in rows])
    model.ranking.learn_many(designs, found)
    newer = RankModel(model.number + 1, model.ranking)
    put_model(engine, connection, loop, newer)
    keys = [(row.loop, row.event_id) for row in rows]
    marked = update(events).where(tuple_(events.c.loop, events.c.event_id).in_(keys))
    connection.execute(marked.values(learnt=newer.number))


def _design(content: bytes, action: int) -> Floats:
    request = json.loads(content)
    chosen = request["actions"][action]["features"]
    design: Floats = hashed_designs(request["contextFeatures"] or [], [chosen])[0]
    return design


def _reward(row: Row[tuple[object, ...]], rewards: RankRewards) -> float:
    wait = rewards.wait // timedelta(microseconds=1)
    in_time = row.reward is not None and row.rewarded_at <= row.activated_at + wait
    return float(row.reward) if in_time else rewards.default
