"""Rows an import refused: which table, which line, why, and the row itself."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

REJECTS_FILE = "rejects.csv"


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row; `line` counts from 1 in the file it came from (for Parquet: the row's number)."""

    table: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class RowCount:
    """What became of a table's rows: `read` is `accepted` plus the rejected of every reason."""

    read: int
    accepted: int
    rejected: dict[str, int]

    @property
    def rejected_total(self) -> int:
        """The rejected rows of every reason."""
        return sum(self.rejected.values())


def count_reasons(rejects: Iterable[Reject]) -> dict[str, int]:
    """The number of rejects of each reason, in the reasons' alphabetical order."""
    return dict(sorted(Counter(reject.reason for reject in rejects).items()))


def describe_rejects(rejects: Sequence[Reject]) -> str:
    """One line: how many rows were rejected, why, and the first of them.

    >>> describe_rejects([Reject("orders", 3, "negative amount", "7,2024-01-01,-5")])
    "1 row rejected (negative amount: 1), first orders line 3: '7,2024-01-01,-5'"
    """
    if not rejects:
        return "no row rejected"
    reasons = ", ".join(f"{reason}: {count}" for reason, count in count_reasons(rejects).items())
    rows = "row" if len(rejects) == 1 else "rows"
    first = rejects[0]
    return (
        f"{len(rejects)} {rows} rejected ({reasons}), first {first.table} line {first.line}: {first.text!r}"
    )


def row_text(values: Sequence[object]) -> str:
    """The values as one CSV line without its line end; a missing value is empty.

    >>> row_text(["7", None, "a,b"])
    '7,,"a,b"'
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if value is None else value for value in values])
    return line.getvalue()


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Nothing; writes the rejects as CSV, ordered by table and line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["table", "line", "reason", "text"])
        for reject in sorted(rejects, key=lambda each: (each.table, each.line, each.reason)):
            writer.writerow([reject.table, reject.line, reject.reason, reject.text])
