"""How long answers took, counted in the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, and_, func, literal, select

from models.feedback import Floats
from models.reward import RewardSpec, State
from service.store.engine import microseconds
from service.store.tables import decisions, outcomes, rewards

STEP: Final = timedelta(minutes=5)
LOOK_BACK_WINDOWS: Final = 4
_STEP_US: Final = STEP // timedelta(microseconds=1)


class RoundsOfDecision(NamedTuple):
    """Whose answers are counted: a journey's rounds of one decision, rewarded like this."""

    journey: str
    decision: str
    reward: RewardSpec


def count_delays(
    connection: Connection, rounds: RoundsOfDecision, now: datetime
) -> tuple[Floats, Floats, Floats]:
    """Delay (nan: no answer yet), age and number of these rounds, in hours and steps of `STEP`.

    Of the delivered rounds that took effect in the last `LOOK_BACK_WINDOWS` windows. The answer is the first decisive one,
    and it came when it was told, not when it happened: until then it could not be here.
    """
    window = timedelta(hours=rounds.reward.window_hours)
    began = decisions.c.decided_at if rounds.reward.delivery == "assumed" else decisions.c.effective_at
    first = (
        select(func.min(outcomes.c.received_at))
        .where(outcomes.c.decision_id == decisions.c.decision_id, outcomes.c.kind == rounds.reward.decisive)
        .scalar_subquery()
    )
    age = ((microseconds(now) - began) // literal(_STEP_US)).label("age")
    delay = ((first - began) // literal(_STEP_US)).label("delay")
    known = and_(
        rewards.c.decision_id == decisions.c.decision_id,
        rewards.c.decision == rounds.decision,
        rewards.c.state.in_((State.OPEN, State.RESOLVED)),
    )
    each = (
        select(age, delay)
        .select_from(decisions.join(rewards, known))
        .where(
            decisions.c.journey == rounds.journey,
            began > microseconds(now - LOOK_BACK_WINDOWS * window),
            began <= microseconds(now),
        )
        .subquery()
    )
    query = select(each.c.age, each.c.delay, func.count()).group_by(each.c.age, each.c.delay)
    rows = connection.execute(query).all()
    found = np.array([[np.nan if v is None else float(v) for v in row] for row in rows]).reshape(-1, 3)
    hours = STEP / timedelta(hours=1)
    return (np.maximum(found[:, 1], 0.0) + 0.5) * hours, (found[:, 0] + 1) * hours, found[:, 2]
