"""What the service noted of each day that it exported, by which a folder is known to hold a whole log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.evaluation.errors import LogError
from training.evaluation.round_labels import microseconds


@dataclass(frozen=True, kw_only=True)
class ExportNote:
    """What the service noted of a day when all its files were written: the rows of each, and whether more can come.

    scanned_until_us: the learner had taken in every window that closed before this, microseconds since 1970 UTC.
    """

    day: date
    closed: bool
    rows: Mapping[str, int]
    scanned_until_us: int

    @classmethod
    def read(cls, path: Path) -> ExportNote:
        """The note in that file. Raises: `LogError`."""
        told = read_json(path)
        try:
            return cls(
                day=date.fromisoformat(told["day"]),
                closed=told["closed"],
                rows=told["rows"],
                scanned_until_us=microseconds(datetime.fromisoformat(told["scanned_until"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LogError(
                f"{path} is no note of an exported day or an old one, {error!r}: export into an empty folder"
            ) from error


def read_notes(folder: Path) -> list[ExportNote]:
    """The notes of an export, oldest first. Raises: `LogError` when there are none, or days are missing or not whole."""
    notes = [ExportNote.read(path) for path in sorted((folder / "days").glob("*.json"))]
    if not notes:
        raise LogError(f"no exported decision log in {folder}; `python -m service export-log` writes one")
    _refuse_gaps(folder, notes)
    for note in notes:
        _refuse_halves(folder, note)
    return notes


def looked_until_us(notes: Sequence[ExportNote]) -> int:
    """The earliest of the days that were still open, by which nothing is taken for closed too early; else the latest."""
    still_open = [note.scanned_until_us for note in notes if not note.closed]
    return min(still_open) if still_open else max(note.scanned_until_us for note in notes)


def table_file(folder: Path, table: str, day: str) -> Path:
    """Where a table's rows of a day lie; there is no file where there are none."""
    return folder / table / f"day={day}" / "part.parquet"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. Raises: `LogError`."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def _refuse_gaps(folder: Path, notes: Sequence[ExportNote]) -> None:
    """Raises: `LogError` naming the days around a gap: what was decided between would be learnt by nobody."""
    for one, other in pairwise(note.day for note in notes):
        if (other - one).days > 1:
            raise LogError(
                f"{folder} holds {one} and {other} and no day between: export those, or move what is before away"
            )


def _refuse_halves(folder: Path, note: ExportNote) -> None:
    """Raises: `LogError` when a day's files are not those that its note tells of."""
    for table, told in note.rows.items():
        file = table_file(folder, table, str(note.day))
        found = _count_rows(file)
        if found != told:
            raise LogError(f"{file} holds {found:,} rows; its day's note says {told:,}: export it again")


def _count_rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows) if file.is_file() else 0
    except pa.ArrowInvalid as error:
        raise LogError(f"{file} cannot be read: {error}") from error
