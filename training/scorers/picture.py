"""Pictures of a scorer as PNG: calibration, lift and feature importance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from models.feedback import Floats
from training.scorers.calibration import calibration_bins

SIZE: Final = {"width": 420, "height": 320}
MOST_IMPORTANT: Final = 20


def calibration_picture(predicted: Floats, actual: Floats, title: str) -> bytes:
    """Mean actual against mean predicted in ten bins of equal mass, with the diagonal of perfect calibration."""
    import altair as alt

    bins = calibration_bins(predicted, actual)
    rows = [
        {"predicted": float(p), "actual": float(y), "rows": int(n)}
        for p, y, n in zip(bins.mean_predicted, bins.mean_actual, bins.n_rows, strict=True)
    ]
    top = max(max(row["predicted"], row["actual"]) for row in rows)
    diagonal = alt.Chart(alt.Data(values=[{"x": 0, "y": 0}, {"x": top, "y": top}]))
    line = diagonal.mark_line(strokeDash=[4, 4], color="gray").encode(x="x:Q", y="y:Q")
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("predicted:Q", title="mean predicted"),
            y=alt.Y("actual:Q", title="mean actual"),
        )
    )
    return _png((line + points).properties(title=title, **SIZE))


def lift_picture(predicted: Floats, actual: Floats, title: str) -> bytes:
    """The share of the actual total that the highest-scored share of customers holds, with the diagonal of chance."""
    import altair as alt

    shares = np.cumsum(actual[np.argsort(-predicted, kind="stable")]) / actual.sum()
    places = np.unique(np.linspace(0, len(shares) - 1, 101).astype(int))
    rows = [{"customers": 0.0, "held": 0.0}]
    rows += [{"customers": float((k + 1) / len(shares)), "held": float(shares[k])} for k in places]
    axis = alt.Axis(format="%")
    chance = (
        alt.Chart(alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
        .mark_line(strokeDash=[4, 4], color="gray")
        .encode(x="x:Q", y="y:Q")
    )
    curve = (
        alt.Chart(alt.Data(values=rows))
        .mark_line()
        .encode(
            x=alt.X("customers:Q", title="customers, highest score first", axis=axis),
            y=alt.Y("held:Q", title="share of the total", axis=axis),
        )
    )
    return _png((chance + curve).properties(title=title, **SIZE))


def importance_picture(importance: Mapping[str, float], title: str) -> bytes:
    """Each feature's share of the gain of all splits, the most important ones."""
    import altair as alt

    total = sum(importance.values()) or 1.0
    ranked = sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:MOST_IMPORTANT]
    rows = [{"feature": name, "share": gain / total} for name, gain in ranked]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of the gain", axis=alt.Axis(format="%")),
            y=alt.Y("feature:N", sort=None, title=None),
        )
    )
    return _png(chart.properties(title=title, **SIZE))


def _png(chart: Any) -> bytes:
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(chart.to_dict(), scale=1.5))
