"""Tables hold plain values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from training.measures.note import Note
from training.measures.table import MeasureTable, texts_of


@dataclass(frozen=True)
class Row:
    day: date | None
    count: int
    rate: float
    sure: bool


def test_what_is_not_known_is_null_and_numbers_are_pythons() -> None:
    rows = [
        Row(date(2026, 3, 1), np.int64(3), np.float64(0.5), np.bool_(True)),
        Row(None, 1, math.nan, False),
    ]

    table = MeasureTable.of(Row, rows, Note("a note")).noted(Note("%(n)s first", {"n": 1}))

    assert table.columns == ("day", "count", "rate", "sure")
    assert json.loads(json.dumps(table.as_json(), allow_nan=False)) == {
        "columns": ["day", "count", "rate", "sure"],
        "rows": [["2026-03-01", 3, 0.5, True], [None, 1, None, False]],
        "note": "1 first a note",
        "notes": [{"text": "%(n)s first", "values": {"n": 1}}, {"text": "a note", "values": {}}],
    }


def test_people_read_four_digits_and_nothing_for_what_is_not_known() -> None:
    assert texts_of([("a", 12_345, 0.123456, 12_345.6, None, True)]) == [
        ("a", "12,345", "0.1235", "12,346", "", "yes")
    ]
