"""Reads the service's decision log from the Parquet files that it was exported to, a file a day.

The service writes them and never meets this code: the folders, columns and notes named here are the contract between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.feedback import Floats
from training.evaluation.decision_source import DECISIVE, Selection
from training.evaluation.errors import LogError
from training.evaluation.export_note import looked_until_us, read_json, read_notes, table_file
from training.evaluation.log_rules import Rules
from training.evaluation.logged_vector import LoggedVector
from training.evaluation.round_buffer import HOUR_US, LogRow
from training.evaluation.round_labels import microseconds

CHUNK: Final = 1_000
_DECISION: Final = ("decision_id", "journey", "decided_at", "status", "group", "versions", "rounds")
_FEATURES: Final = ("features", "time_zone")
_VECTOR: Final = (
    "decision_id",
    "customer_id",
    "journey",
    "decided_at",
    "degraded",
    "versions",
    "features",
    "scores",
)
_REWARD: Final = ("decision_id", "decision", "state", "reward")


@dataclass(frozen=True, kw_only=True)
class LogExport:
    """The exported log; see `DecisionSource`. Memory: `CHUNK` decisions and what is counted."""

    folder: Path
    days: tuple[str, ...]
    scanned_until_us: int
    ends_before_us: int

    @classmethod
    def open(cls, folder: Path) -> LogExport:
        """The log in that folder. Raises: `LogError` when there is none, or days of it are missing or not whole."""
        notes = read_notes(folder)
        return cls(
            folder=folder,
            days=tuple(str(note.day) for note in notes),
            scanned_until_us=looked_until_us(notes),
            ends_before_us=microseconds(datetime.combine(notes[-1].day + timedelta(days=1), time(0), UTC)),
        )

    def journeys(self) -> list[str]:
        """By name."""
        found: set[str] = set()
        for day in self.days:
            for batch in _batches(self._file("decisions", day), ("journey",), size=100 * CHUNK):
                found.update(pc.unique(batch["journey"]).to_pylist())
        return sorted(found)

    def rules(self) -> Rules:
        """Every version that was exported. Raises: `LogError`."""
        return {path.stem: read_json(path) for path in sorted((self.folder / "rules").glob("*.json"))}

    def rows(self, selection: Selection) -> Iterator[LogRow]:
        """Decisions and rewards, both in the order of their ids. Raises: `LogError`."""
        for day in self.days:
            rewards = _rewards(self._file("rewards", day), selection.decision)
            yield from _join(_decisions(self._file("decisions", day), selection), rewards)

    def vectors(self, since: datetime | None = None) -> Iterator[LoggedVector]:
        """What decisions saw, day by day. Raises: `LogError`."""
        for day in self.days:
            for batch in _batches(self._file("decisions", day), _VECTOR):
                if since is not None:
                    batch = batch.filter(pc.greater_equal(batch["decided_at"], since))
                yield from _vectors(batch)

    def customers(self, journeys: Sequence[str]) -> dict[str, dict[str, int]]:
        """Counted as the files are read; memory: each customer's id, about 0.1 kB."""
        found: dict[str, dict[str, set[str]]] = {journey: {} for journey in journeys}
        columns = ("journey", "group", "customer_id")
        for day in self.days:
            for batch in _batches(self._file("decisions", day), columns):
                rows = zip(*(batch[name].to_pylist() for name in columns), strict=True)
                for journey, group, customer in rows:
                    if journey in found:
                        found[journey].setdefault(group, set()).add(customer)
        return {name: {group: len(each) for group, each in groups.items()} for name, groups in found.items()}

    def delays_hours(self, journeys: Sequence[str]) -> Floats:
        """Joined day by day: an outcome lies with the day of its decision."""
        wanted = pa.array(journeys, pa.string())
        delays = [
            _delays_us(self._file("outcomes", day), self._file("decisions", day), wanted) for day in self.days
        ]
        return np.concatenate(delays) / HOUR_US

    def batches(self, table: str, day: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """A day's rows of a table, `CHUNK` at a time. Raises: `LogError`."""
        yield from _batches(self._file(table, day), columns)

    def _file(self, table: str, day: str) -> Path:
        return table_file(self.folder, table, day)


def _decisions(file: Path, selection: Selection) -> Iterator[LogRow]:
    features = _FEATURES if selection.segments is not None else ()
    for batch in _batches(file, (*_DECISION, *features)):
        if selection.journey is not None:
            batch = batch.filter(pc.equal(batch["journey"], selection.journey))
        if selection.since is not None:
            batch = batch.filter(pc.greater_equal(batch["decided_at"], selection.since))
        for row in batch.to_pylist():
            yield LogRow(
                decision_id=row["decision_id"],
                journey=row["journey"],
                decided_at_us=microseconds(row["decided_at"]),
                status=row["status"],
                group=row["group"],
                record={
                    "versions": dict(row["versions"]),
                    "rounds": row["rounds"],
                    **{name: row[name] for name in features},
                },
                state=None,
                reward=None,
            )


def _vectors(batch: pa.RecordBatch) -> Iterator[LoggedVector]:
    lists = batch["features"]
    starts, numbers = lists.offsets.to_numpy(), np.asarray(lists.values.to_numpy(zero_copy_only=False))
    for place, row in enumerate(batch.drop_columns("features").to_pylist()):
        yield LoggedVector(
            decision_id=row["decision_id"],
            customer_id=row["customer_id"],
            journey=row["journey"],
            decided_at_us=microseconds(row["decided_at"]),
            features=numbers[starts[place] : starts[place + 1]],
            scores=dict(row["scores"]),
            degraded=tuple(row["degraded"]),
            versions=dict(row["versions"]),
        )


def _rewards(file: Path, decision: str) -> Iterator[tuple[str, str, float]]:
    for batch in _batches(file, _REWARD):
        mine = batch.filter(pc.equal(batch["decision"], decision))
        yield from zip(*(mine[name].to_pylist() for name in ("decision_id", "state", "reward")), strict=True)


def _join(decisions: Iterator[LogRow], rewards: Iterator[tuple[str, str, float]]) -> Iterator[LogRow]:
    """Each decision with its reward, where there is one; both come in ascending order of ids."""
    nothing = ("", None, None)
    before, known = "", next(rewards, nothing)
    for row in decisions:
        if row.decision_id <= before:
            raise LogError(
                f"decision {row.decision_id} follows {before}; wanted them in the order of their ids"
            )
        before = row.decision_id
        while known[0] and known[0] < row.decision_id:
            known = next(rewards, nothing)
        yield replace(row, state=known[1], reward=known[2]) if known[0] == row.decision_id else row


def _delays_us(outcomes: Path, decisions: Path, journeys: pa.Array) -> NDArray[np.int64]:
    """From when a decision of these journeys takes effect to each decisive outcome, of one day's decisions, `(n,)`."""
    came = [
        batch.filter(pc.is_in(batch["kind"], pa.array(DECISIVE)))
        for batch in _batches(outcomes, ("decision_id", "kind", "occurred_at"))
    ]
    if not any(map(len, came)) or not decisions.is_file():
        return np.empty(0, dtype=np.int64)
    decided = pa.Table.from_batches(
        batch.filter(pc.is_in(batch["journey"], journeys))
        for batch in _batches(decisions, ("decision_id", "journey", "effective_at"))
    )
    told = pa.Table.from_batches(came)
    place = pc.index_in(told["decision_id"], decided["decision_id"])
    ends = told["occurred_at"].filter(pc.is_valid(place)).cast(pa.int64())
    starts = decided["effective_at"].take(place.drop_null()).cast(pa.int64())
    return np.asarray(pc.subtract(ends, starts).to_numpy(), dtype=np.int64)


def _batches(file: Path, columns: Sequence[str], size: int = CHUNK) -> Iterator[pa.RecordBatch]:
    """The file's rows; a table without any of that day has no file. Raises: `LogError`."""
    if not file.is_file():
        return
    try:
        parts = pq.ParquetFile(file, pre_buffer=False)  # which would keep the whole file in memory
        if missing := sorted(set(columns) - set(parts.schema_arrow.names)):
            raise LogError(
                f"{file} has no {missing}, as those of earlier releases: export it anew, if the log has it"
            )
        yield from parts.iter_batches(batch_size=size, columns=list(columns))
    except (pa.ArrowInvalid, KeyError) as error:
        raise LogError(f"{file} cannot be read: {error}") from error
