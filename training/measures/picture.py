"""Pictures of measures as SVG, from the rows of their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from training.evaluation.picture import BLUE, WIDTH, Bar, interval_picture, to_svg
from training.measures.table import Cell, MeasureTable

if TYPE_CHECKING:
    import altair as alt

_BARS: Final = {
    "lifetime_steps": ("step", "rate", "share that ordered"),
    "funnel": ("step", "share_of_previous", "share of those at the step before"),
    "response_channel": ("by", "click_rate", "clicks per delivered message"),
    "response_hour": ("by", "click_rate", "clicks per delivered message"),
    "response_topic": ("by", "click_rate", "clicks per delivered message"),
    "clv": ("cohort", "predicted", "predicted amount a customer"),
    "aov": ("month", "aov", "amount an order"),
    "economics": ("group", "cost_per_order", "cost per order; dashed: of an acquired one"),
    "message_tests": ("variant", "mean", "mean reward"),
}
"""Tables drawn as points on intervals: the column of names, that of values, and the title of the axis."""
_HEAT: Final = ("retention_days", "retention_weeks", "retention_months")


def picture_of(name: str, table: MeasureTable) -> str:
    """The picture of a table by its id; empty without rows."""
    if not table.rows:
        return ""
    if name in _HEAT:
        return _heat_map(table)
    if name == "retention_interval":
        return to_svg(_lines(table, x="ends", y="rate", series="days", title="retention rate"))
    if name == "budget":
        return to_svg(_lines(table, x="day", y="price", series="journey", title="λ on the day"))
    if name == "budget_hours":
        shown = (("used_share", "used share of the budget"), ("price", "λ"))
        lines = [_lines(table, x="begins", y=y, series="journey", title=title) for y, title in shown]
        return to_svg(lines[0] & lines[1])
    return _intervals(table, *_BARS[name])


def _intervals(table: MeasureTable, name: str, value: str, title: str) -> str:
    low, high = _bounds(table, value)
    columns = (_names(table, name), table.column(value), table.column(low), table.column(high))
    bars = [
        Bar(name=label, value=_number(found), low=_number(lower), high=_number(upper))
        for label, found, lower, upper in zip(*columns, strict=True)
    ]
    costs = table.column("acquisition_cost") if "acquisition_cost" in table.columns else [None]
    return interval_picture(bars, title, None if costs[0] is None else float(costs[0]))


def _names(table: MeasureTable, name: str) -> list[str]:
    """What tells the rows apart; where the first column is another one, with that before."""
    own = ["all" if each is None else str(each) for each in table.column(name)]
    first = table.columns[0]
    if first == name:
        return own
    return [f"{before}: {each}" for before, each in zip(table.column(first), own, strict=True)]


def _bounds(table: MeasureTable, value: str) -> tuple[str, str]:
    named = f"{value}_low", f"{value}_high"
    return named if named[0] in table.columns else ("low", "high")


def _number(cell: Cell) -> float:
    return float("nan") if cell is None else float(cell)


def _heat_map(table: MeasureTable) -> str:
    """Each cohort a line, each period a column, the rate as colour."""
    import altair as alt

    chart = (
        alt.Chart(alt.Data(values=_records(table, "cohort", "period", "rate")))
        .mark_rect()
        .encode(
            x=alt.X("period:O", title="period after joining", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("cohort:O", title=None),
            color=alt.Color("rate:Q", title="rate", scale=alt.Scale(scheme="blues", domain=[0, 1])),
        )
    )
    n_cohorts = len(set(table.column("cohort")))
    return to_svg(chart.properties(width=WIDTH, height=min(16 * n_cohorts, 600)))


def _lines(table: MeasureTable, *, x: str, y: str, series: str, title: str) -> alt.Chart:
    import altair as alt

    base = alt.Chart(alt.Data(values=_records(table, x, y, series)))
    chart = base.mark_line(point=True, color=BLUE).encode(
        x=alt.X(f"{x}:T", title=None),
        y=alt.Y(f"{y}:Q", title=title),
        color=alt.Color(f"{series}:N", title=series),
    )
    return chart.properties(width=WIDTH - 100, height=180)


def _records(table: MeasureTable, *names: str) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in zip(*map(table.column, names), strict=True)]
