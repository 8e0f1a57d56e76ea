"""The measures that `python -m training report` wrote: read from its file, which tells nothing of single customers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

FILE: Final = "measures.json"
Row = Mapping[str, Any]


class ReportError(ValueError):
    """The file is there and is no report; `reason` says what is wrong with it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no report of measures: {reason}")
        self.path, self.reason = path, reason


@dataclass(frozen=True)
class Note:
    """A sentence in English that names as %(name)s what it fills in; the catalogues have it in other languages."""

    text: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A measure: its rows by column, and what is to be said of it."""

    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was measured and of when; `simulated`: a part of the data is made up."""

    made_at: datetime
    begins: str
    ends: str
    currency: str
    simulated: bool
    tables: Mapping[str, Table]

    def table(self, name: str) -> Table:
        """The measure of this name, without rows where the report does not have it."""
        return self.tables.get(name, Table(()))


@dataclass(frozen=True)
class EvaluationPage:
    """A page of an offline evaluation, and when it was written."""

    name: str
    written_at: datetime


def read_report(folder: Path) -> Report | None:
    """The newest report in the folder; None where there is none.

    Raises: `ReportError` naming the file when it is something else.
    """
    path = folder / FILE
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=1)
def _read(path: Path, _written_ns: int) -> Report:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Report(
            made_at=datetime.fromisoformat(found["made_at"]),
            begins=found["from"],
            ends=found["to"],
            currency=found["currency"],
            simulated=found["simulated"],
            tables={name: _table(table) for name, table in found["tables"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(path, f"{type(error).__name__}: {error}") from error


def _table(found: Mapping[str, Any]) -> Table:
    columns: Sequence[str] = found["columns"]
    return Table(
        rows=tuple(dict(zip(columns, row, strict=True)) for row in found["rows"]),
        notes=tuple(Note(**note) for note in found["notes"]),
    )


def evaluation_pages(folder: Path) -> list[EvaluationPage]:
    """The pages of offline evaluations in the folder, the newest first."""
    found = [
        EvaluationPage(path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC))
        for path in folder.glob("*.html")
    ]
    return sorted(found, key=lambda page: page.written_at, reverse=True)
