"""A measure as a table of plain values, whatever it is shown in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np

from training.measures.note import Note

Cell = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class MeasureTable:
    """Raw numbers, ISO dates, None where nothing is known; notes: what a reader must know, or why there are no rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Note, ...] = ()

    @classmethod
    def of(cls, kind: type, rows: Iterable[Any], *notes: Note) -> MeasureTable:
        """One row a value of the dataclass `kind`, one column a field of it."""
        names = tuple(each.name for each in fields(kind))
        cells = tuple(tuple(_cell(getattr(row, name)) for name in names) for row in rows)
        return cls(columns=names, rows=cells, notes=notes)

    @property
    def note(self) -> str:
        """The notes in English; empty without any."""
        return " ".join(map(str, self.notes))

    def noted(self, *notes: Note) -> MeasureTable:
        """The same with these notes before its own."""
        return replace(self, notes=(*notes, *self.notes))

    def only(self, columns: tuple[str, ...]) -> MeasureTable:
        """The same with these columns alone."""
        rows = zip(*map(self.column, columns), strict=True)
        return replace(self, columns=columns, rows=tuple(rows))

    def column(self, name: str) -> list[Cell]:
        """Its values of one column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def as_json(self) -> dict[str, Any]:
        """The table as JSON values."""
        notes = [note.as_json() for note in self.notes]
        return {"columns": self.columns, "rows": self.rows, "note": self.note, "notes": notes}


def texts_of(rows: Sequence[Sequence[Cell]]) -> list[tuple[str, ...]]:
    """The cells for people: four digits of a fraction, nothing for what is not known."""
    return [tuple(map(_text, row)) for row in rows]


def _cell(value: Any) -> Cell:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    known: Cell = value
    return known


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return value
