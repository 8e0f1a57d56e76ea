"""The log as Parquet files for training and analysis: a folder a table, a file a day of decisions.

    DIR/decisions/day=2026-11-22/part.parquet   one row a decision, its rounds nested
    DIR/rewards/day=.../part.parquet            what the learner noted: decision_id, decision, state, reward
    DIR/outcomes/day=.../part.parquet           what came back about decisions of that day, whenever it came
    DIR/days/2026-11-22.json                    rows of each, and whether anything can still be added to the day
    DIR/rules/DIGEST.json                       the journeys' rules that decisions name: rewards, windows, shares of groups

A day's file appears when it is complete. A day that is closed (its windows and the time for late outcomes are over) is not
written again, so a run that was cut off, or the next night's, goes on where the last one ended; the other days are renewed.
What customers told is beside it: see `service/store/event_export.py`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, CursorResult, Row, Select, Table, func, select

from models.artifact import MANIFEST, Artifact
from models.packing import unpack
from service.decision_point import KIND as RULES
from service.store.engine import moment
from service.store.parquet_file import replace_content, write_batches
from service.store.partition import first_id
from service.store.tables import activations, artifacts, decisions, outcomes, rewards, snapshots

ROW_GROUP: Final = 1_000
"""Rows held in memory at a time."""
_TIME: Final = pa.timestamp("us", tz="UTC")
_ROUND: Final = pa.struct(
    {
        "decision": pa.string(),
        "inputs": pa.list_(pa.string()),
        "context": pa.list_(pa.float64()),
        "actions": pa.list_(pa.string()),
        "eligible": pa.list_(pa.bool_()),
        "probabilities": pa.list_(pa.float64()),
        "action": pa.int32(),
        "propensity": pa.float64(),
    }
)
SCHEMAS: Final = {
    "decisions": pa.schema(
        {
            "decision_id": pa.string(),
            "decided_at": _TIME,
            "effective_at": _TIME,
            "customer_id": pa.string(),
            "journey": pa.string(),
            "status": pa.string(),
            "group": pa.string(),
            "repeats": pa.string(),
            "time_zone": pa.string(),
            "degraded": pa.list_(pa.string()),
            "versions": pa.map_(pa.string(), pa.string()),
            "features": pa.list_(pa.float64()),
            "scores": pa.map_(pa.string(), pa.float64()),
            "rounds": pa.list_(_ROUND),
            "channel": pa.string(),
            "activate": pa.string(),
            "activated_at": _TIME,
        }
    ),
    "rewards": pa.schema(
        {"decision_id": pa.string(), "decision": pa.string(), "state": pa.string(), "reward": pa.float64()}
    ),
    "outcomes": pa.schema(
        {
            "event_id": pa.string(),
            "decision_id": pa.string(),
            "kind": pa.string(),
            "value": pa.float64(),
            "currency": pa.string(),
            "occurred_at": _TIME,
            "received_at": _TIME,
        }
    ),
}
_ACTIVATED: Final = activations.c.decision_id == decisions.c.decision_id
_SOURCES: Final[dict[str, tuple[Table, Select[Any]]]] = {
    "decisions": (
        decisions,
        select(decisions, activations.c.activated_at).outerjoin_from(decisions, activations, _ACTIVATED),
    ),
    "rewards": (rewards, select(rewards)),
    "outcomes": (outcomes, select(outcomes)),
}
"""Each table and what is read of it."""


@dataclass(frozen=True)
class Day:
    """What was written of one day; closed: nothing can be added to it any more.

    scanned_until: ISO 8601, what windows had closed before it the learner had taken in when the day was read; empty in a
    note of an earlier release.
    """

    day: str
    closed: bool
    rows: dict[str, int]
    scanned_until: str = ""


def export_days(
    connection: Connection, folder: Path, *, since: date | None, until: date, closes_after: timedelta
) -> Iterator[Day]:
    """The days from `since` (None: the log's first) up to and without `until`, each written when it is yielded.

    closes_after: how long after a day's end its rewards and outcomes may still change.
    """
    first = since or _first_day(connection)
    scanned_until = moment(connection.scalar(select(func.max(snapshots.c.scanned_until))) or 0)
    _write_rules(connection, folder)
    for number in range((until - first).days if first else 0):
        assert first is not None
        day = first + timedelta(days=number)
        known = read_day(folder, day)
        if known is None or not known.closed:
            end = datetime.combine(day + timedelta(days=1), time(0), UTC)
            rows = _write_day(connection, folder, day)
            closed = scanned_until >= end + closes_after
            yield _note_day(folder, Day(str(day), closed, rows, scanned_until.isoformat()))


def read_day(folder: Path, day: date) -> Day | None:
    """What was written of a day; None where it was not, or not to its end."""
    path = _note(folder, str(day))
    return Day(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _first_day(connection: Connection) -> date | None:
    found = connection.scalar(select(func.min(decisions.c.decided_at)))
    return None if found is None else moment(found).date()


def _write_rules(connection: Connection, folder: Path) -> None:
    """Every version that the log holds; those of days whose decisions it let go of stay."""
    query = select(artifacts.c.digest, artifacts.c.content).where(artifacts.c.kind == RULES)
    for digest, content in connection.execute(query):
        manifest = Artifact.from_bytes(content).files()[MANIFEST]
        replace_content(folder / "rules" / f"{digest}.json", manifest)


def _write_day(connection: Connection, folder: Path, day: date) -> dict[str, int]:
    begin = datetime.combine(day, time(0), UTC)
    low, high = first_id(begin), first_id(begin + timedelta(days=1))
    rows = {}
    for name, (table, query) in _SOURCES.items():
        path = folder / name / f"day={day}" / "part.parquet"
        with _stream(connection, table, query, (low, high)) as found:
            rows[name] = write_batches(path, SCHEMAS[name], _batches(name, found))
    return rows


def _note_day(folder: Path, day: Day) -> Day:
    """The day, on record: what is written after all its files says that they are complete."""
    replace_content(_note(folder, day.day), json.dumps(asdict(day)).encode())
    return day


def _stream(
    connection: Connection, table: Table, query: Select[Any], ids: tuple[str, str]
) -> CursorResult[Any]:
    """The rows of a day, whose ids lie from the first up to the second, as they are asked for; to be closed."""
    of_day = query.where(table.c.decision_id >= ids[0], table.c.decision_id < ids[1])
    ordered = of_day.order_by(table.c.decision_id, *table.primary_key)
    return connection.execute(ordered.execution_options(stream_results=True, yield_per=ROW_GROUP))


def _batches(name: str, rows: Iterable[Row[Any]]) -> Iterator[pa.RecordBatch]:
    """The rows as the table's columns, so many in memory at a time."""
    as_row: Callable[[Any], dict[str, Any]] = _ROWS[name]
    found = iter(rows)
    while part := list(islice(found, ROW_GROUP)):
        yield pa.RecordBatch.from_pylist([as_row(row._mapping) for row in part], SCHEMAS[name])


def _note(folder: Path, day: str) -> Path:
    return folder / "days" / f"{day}.json"


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    record = json.loads(unpack(row["record"]))
    answer = json.loads(record["answer"])
    return {
        **_plain(row),
        "group": row["group_name"],
        "repeats": record.get("repeats"),
        "time_zone": record["time_zone"],
        "degraded": record["degraded"],
        "versions": list(record["versions"].items()),
        "features": np.frombuffer(base64.b64decode(record["features"]), dtype="<f8"),
        "scores": [
            (name, value)
            for name, value in (answer.get("scores") or {}).items()
            if not isinstance(value, str)
        ],
        "rounds": record["rounds"],
        "channel": answer.get("channel"),
        "activate": record["request"].get("activate"),
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: moment(value) if name.endswith("_at") and value is not None else value
        for name, value in row.items()
    }


_ROWS: Final = {"decisions": _decision, "rewards": _plain, "outcomes": _plain}
