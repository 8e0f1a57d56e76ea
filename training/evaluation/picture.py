"""Pictures of a judgement as SVG: estimates, differences, weights, actions and slices, each from rows of plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from training.evaluation.weight_histogram import EDGES, WeightHistogram

WIDTH: Final = 560
_ROW_HEIGHT: Final = 24
BLUE, GREY = "#2b6cb0", "#8a94a0"
_CONFIG: Final = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelOverlap": True},
}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A value with its interval, as one line of a picture; colour any that CSS knows."""

    name: str
    value: float
    low: float
    high: float
    colour: str = BLUE


def interval_picture(bars: Sequence[Bar], title: str, reference: float | None = None) -> str:
    """Each finite value as a point on its interval, in the order given; the reference as a dashed line.

    Empty where no value is finite.
    """
    import altair as alt

    rows = [_row(bar) for bar in bars if math.isfinite(bar.value)]
    if not rows:
        return ""
    order = [row["name"] for row in rows]
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=260))
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(alt.Data(values=rows))
    scale = alt.Scale(zero=False)
    layers = [
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2.5)
        .encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=alt.X("value:Q", title=title, scale=scale), y=y, color=colour
        ),
    ]
    if reference is not None:
        line = alt.Chart(alt.Data(values=[{"at": reference}]))
        layers.insert(0, line.mark_rule(strokeDash=[4, 4], color=GREY).encode(x="at:Q"))
    return to_svg(alt.layer(*layers).properties(width=WIDTH, height=_ROW_HEIGHT * len(rows)))


def weight_picture(weights: WeightHistogram) -> str:
    """The share of rounds by weight on a logarithmic axis, and in outline the share of all weight that they carry.

    Empty where no round has weight.
    """
    import altair as alt

    filled = weights.filled()
    total = float(weights.sums.sum())
    rows = [
        {
            "from": float(EDGES[place]),
            "to": float(EDGES[place + 1]),
            "rounds": float(weights.counts[place] / weights.n_rounds),
            "weight": float(weights.sums[place] / total),
        }
        for place in range(filled.start, filled.stop)
    ]
    if not rows:
        return ""
    x = alt.X("from:Q", scale=alt.Scale(type="log", nice=False), title="weight", axis=alt.Axis(format="~g"))
    share = alt.Axis(format="%")
    base = alt.Chart(alt.Data(values=rows))
    floor = alt.datum(0)
    bars = base.mark_rect(color=BLUE, opacity=0.8).encode(
        x=x,
        x2="to:Q",
        y=alt.Y("rounds:Q", title="share (filled: of rounds; line: of weight)", axis=share),
        y2=floor,
    )
    outline = base.mark_rect(filled=False, stroke="#c05621", strokeWidth=1.5).encode(
        x=x, x2="to:Q", y=alt.Y("weight:Q", axis=share), y2=floor
    )
    return to_svg((bars + outline).properties(width=WIDTH, height=200))


def _row(bar: Bar) -> dict[str, Any]:
    bounded = math.isfinite(bar.low) and math.isfinite(bar.high)
    return {
        "name": bar.name,
        "value": bar.value,
        "low": bar.low if bounded else None,
        "high": bar.high if bounded else None,
        "colour": bar.colour,
    }


def to_svg(chart: Any) -> str:
    """An Altair chart as SVG in our fonts."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.configure(**_CONFIG).to_dict()))
