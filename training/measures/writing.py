"""The files of a report: `measures.json` for programs, `measures.html` to read, and a CSV file a table."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Final

from training.measures.html_report import write_measures_page
from training.measures.report import Report
from training.measures.table import MeasureTable

JSON_FILE: Final = "measures.json"
PAGE_FILE: Final = "measures.html"
CSV_FOLDER: Final = "measures"


def write_report(report: Report, folder: Path) -> list[Path]:
    """The files, as written to the folder; `measures.json` last, whole or not at all."""
    tables = folder / CSV_FOLDER
    tables.mkdir(parents=True, exist_ok=True)
    for name, table in report.tables.items():
        _write_csv(tables / f"{name}.csv", table)
    page = folder / PAGE_FILE
    page.write_text(write_measures_page(report), encoding="utf-8")
    path, partial = folder / JSON_FILE, folder / f".{JSON_FILE}.partial"
    partial.write_text(json.dumps(report.as_json(), allow_nan=False), encoding="utf-8")
    os.replace(partial, path)
    return [path, page, tables]


def _write_csv(path: Path, table: MeasureTable) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows(table.rows)
