"""A week that the log remembers: without it neither learning nor budgets have a course to be drawn."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from models.packing import unpack
from service.decision_id import decision_id
from service.settings import Settings
from service.store.engine import microseconds, moment, open_log
from service.store.tables import budgets, decisions, rewards

DAYS: Final = 8
JOURNEYS: Final = 3
"""So many decide about a customer, one after the other."""
_DAY: Final = timedelta(days=1)


def remember(var: Path, now: datetime) -> None:
    """Every decision in the log again on each of the days before, its rewards, and the budgets of those days."""
    engine = open_log(Settings(var=var).log_url)
    with engine.begin() as connection:
        rows = connection.execute(select(decisions)).mappings().all()
        for days in range(1, DAYS + 1):
            for place, row in enumerate(rows):
                _again(connection, dict(row), days, place)
        spent = [
            {"journey": "lucky_wheel", "used": 1_700_000 * (days % 5 + 3), "price": 0.1 * (days % 4)}
            | {"day": (now - days * _DAY).date().isoformat()}
            for days in range(1, DAYS + 1)
        ]
        connection.execute(budgets.insert(), spent)
    engine.dispose()


def _again(connection: Connection, row: dict[str, object], days: int, place: int) -> None:
    """The decision as if it had been made so many days before, those of every third customer by chance."""
    assert isinstance(row["decided_at"], int)
    assert isinstance(row["record"], bytes)
    at = moment(row["decided_at"]) - days * _DAY
    identity = decision_id(int(at.timestamp() * 1000), (1000 * days + place).to_bytes(10, "big"))
    group = "random" if place // JOURNEYS % 3 == 0 else "decisioning"
    record = {**json.loads(unpack(row["record"])), "group": group}
    answer = {**json.loads(record["answer"]), "decision_id": identity, "group": group}
    answer["decided_at"] = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    changed = {"decision_id": identity, "decided_at": microseconds(at), "effective_at": microseconds(at)}
    changed |= {"group_name": group, "record": json.dumps({**record, "answer": json.dumps(answer)}).encode()}
    connection.execute(decisions.insert(), [row | changed])
    earned = [
        {"decision_id": identity, "decision": round_["decision"], "state": "resolved", "snapshot": 1}
        | {"reward": (place * 7 + days * (2 if group == "random" else 3)) % 10 / 10}
        for round_ in record["rounds"]
    ]
    if earned:
        connection.execute(rewards.insert(), earned)
