"""The report as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from training.evaluation.html_page import html_notes, html_page, html_table
from training.measures.picture import picture_of
from training.measures.report import TITLES, Report
from training.measures.table import MeasureTable, texts_of

SHOWN: Final = 120
"""Rows of a table that the page shows; all of them are in the CSV files."""


def write_measures_page(report: Report) -> str:
    """The whole page."""
    return html_page(f"Measures of {report.dataset}, {report.begins} to {report.ends}", _sections(report))


def _sections(report: Report) -> Iterator[str]:
    yield f"<p>Amounts in {escape(report.currency)}; intervals at 95 %. Made {report.made_at:%Y-%m-%d %H:%M} UTC.</p>"
    if report.simulated:
        yield f"<p><b>Simulated:</b> {escape(', '.join(report.simulated))}.</p>"
    for name, title in TITLES.items():
        yield f'<h2 id="{name}">{escape(title)}</h2>'
        yield from _measure(name, report.tables[name])
    yield html_notes(report.notes)


def _measure(name: str, table: MeasureTable) -> Iterator[str]:
    if table.note:
        yield f'<p class="note">{escape(table.note)}</p>'
    if not table.rows:
        return
    yield picture_of(name, table)
    yield html_table([each.replace("_", " ") for each in table.columns], texts_of(table.rows[:SHOWN]))
    if len(table.rows) > SHOWN:
        yield f"<p>The first {SHOWN} of {len(table.rows):,} rows.</p>"
