"""Pictures of a drift report as SVG: how far inputs shifted, how one is distributed, and how shifts went on in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training.drift.finding import InputFinding, PartFinding
from training.drift.stability import DRIFT, WATCH, Grade
from training.evaluation.picture import BLUE, GREY, WIDTH, to_svg

COLOURS: Final = {
    Grade.STABLE: "#2f855a",
    Grade.WATCH: "#b7791f",
    Grade.DRIFT: "#c53030",
    Grade.TOO_FEW: GREY,
}
MOST: Final = 1.0
"""Beyond it bars are cut, or the smaller ones could not be told apart."""

_ROW: Final = 18


def shift_picture(findings: Sequence[InputFinding]) -> str:
    """The index of each input as a bar, the mark what chance makes of it; dashed: from where on to watch, and drift."""
    import altair as alt

    rows = [
        {
            "name": each.name,
            "psi": min(each.found.psi, MOST),
            "chance": each.found.by_chance,
            "colour": COLOURS[each.grade],
        }
        for each in findings
    ]
    base = alt.Chart(alt.Data(values=rows))
    y = alt.Y("name:N", sort=[row["name"] for row in rows], title=None, axis=alt.Axis(labelLimit=260))
    bars = base.mark_bar(height=9).encode(
        x=alt.X("psi:Q", title=f"population stability index, cut at {MOST:g}"),
        y=y,
        color=alt.Color("colour:N", scale=None),
    )
    ticks = base.mark_tick(color="#1a202c", thickness=2, size=14).encode(x="chance:Q", y=y)
    bounds = alt.Chart(alt.Data(values=[{"at": WATCH}, {"at": DRIFT}]))
    lines = bounds.mark_rule(strokeDash=[4, 4], color=GREY).encode(x="at:Q")
    return to_svg(alt.layer(bars, ticks, lines).properties(width=WIDTH, height=_ROW * len(rows)))


def share_picture(finding: InputFinding) -> str:
    """The input's shares by bin, in training and in the log side by side."""
    import altair as alt

    bins = [name for name in finding.bins if name]
    rows = [
        {"bin": name, "of": side, "share": share}
        for side, told in (("training", finding.trained), ("log", finding.seen))
        for name, share in zip(finding.bins, told.shares, strict=True)
        if name
    ]
    colours = alt.Scale(domain=["training", "log"], range=[GREY, BLUE])
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("bin:N", sort=bins, title=None, axis=alt.Axis(labelAngle=-40)),
            xOffset=alt.XOffset("of:N", sort=["training", "log"]),
            y=alt.Y("share:Q", title="share", axis=alt.Axis(format="%")),
            color=alt.Color("of:N", scale=colours, title=None),
        )
    )
    return to_svg(chart.properties(width=WIDTH - 60, height=140))


def time_picture(times: Sequence[PartFinding]) -> str:
    """How many inputs are to watch or drifted, time by time."""
    import altair as alt

    rows = [
        {"time": each.name, "grade": str(grade), "inputs": each.count(grade)}
        for each in times
        for grade in (Grade.WATCH, Grade.DRIFT)
    ]
    graded = [str(Grade.WATCH), str(Grade.DRIFT)]
    colours = alt.Scale(domain=graded, range=[COLOURS[Grade.WATCH], COLOURS[Grade.DRIFT]])
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("time:N", sort=[each.name for each in times], title=None),
            y=alt.Y("inputs:Q", title="inputs", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("grade:N", scale=colours, title=None),
        )
    )
    return to_svg(chart.properties(width=WIDTH - 60, height=120))
