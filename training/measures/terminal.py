"""The report as tables for a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.measures.report import TITLES, Report
from training.measures.table import MeasureTable, texts_of

_RETENTION: Final = ("cohort", "customers", "period", "observed", "active", "rate", "low", "high")
_RESPONSE: Final = ("source", "by", "sent", "delivered", "opened", "clicked", "click_rate")
COLUMNS: Final = {
    "retention_days": _RETENTION,
    "retention_weeks": _RETENTION,
    "retention_months": _RETENTION,
    "lifetime_steps": ("step", "observed", "active", "rate", "low", "high", "drop_off"),
    "retention_interval": ("days", "starts", "ends", "active_before", "returned", "rate", "new"),
    "funnel": ("step", "customers", "share_of_entered", "share_of_previous", "drop_off"),
    "clv": ("cohort", "customers", "realised", "predicted", "predicted_low", "predicted_high"),
    "aov": ("month", "customers", "orders", "aov", "low", "high"),
    "economics": ("journey", "group", "orders", "cost_per_order", "cost_per_incremental_order"),
    "response_channel": _RESPONSE,
    "response_hour": _RESPONSE,
    "response_topic": _RESPONSE,
    "message_tests": ("journey", "variant", "mean", "difference_low", "difference_high", "verdict"),
    "budget": ("journey", "day", "limit", "used", "price", "coupons"),
    "budget_hours": ("journey", "begins", "used_share", "elapsed_share", "price"),
}
"""Columns of each table that fit 80 characters; the files have all of them."""
SHOWN: Final = 12
"""Rows of a table that the terminal shows."""


def render_report(report: Report) -> RenderableType:
    """Every table with its note, the first rows of the long ones."""
    parts: list[RenderableType] = []
    for name, title in TITLES.items():
        table = report.tables[name]
        parts.append(Text(f"\n{title} ({name})", style="bold"))
        if table.rows:
            parts.append(_table(table.only(COLUMNS[name])))
        if len(table.rows) > SHOWN:
            parts.append(Text(f"the first {SHOWN} of {len(table.rows):,} rows", style="dim"))
        if table.note:
            parts.append(Text(table.note, style="dim"))
    if report.simulated:
        parts.append(Text(f"\nSimulated: {', '.join(report.simulated)}", style="yellow"))
    return Group(*parts)


def _table(table: MeasureTable) -> Table:
    shown = Table(box=None, padding=(0, 2, 0, 0))
    texts = texts_of(table.rows[:SHOWN])
    for place, name in enumerate(table.columns):
        is_text = any(isinstance(row[place], str) for row in table.rows)
        shown.add_column(name.replace("_", " "), justify="left" if is_text else "right")
    for row in texts:
        shown.add_row(*row)
    return shown
