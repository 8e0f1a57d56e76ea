"""How a challenger compares with the champion on decisions that were really asked for, without deciding any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.table import Table

from models.feedback import Floats
from models.inputs import SCORES
from training.registry import RunRecord
from training.scorers.measure import average_ranks, measure_probabilities
from training.shadow_log import Purchases, ShadowLog

QUANTILES: Final = (0.05, 0.5, 0.95)
_DAY_US: Final = 86_400_000_000
_BOUGHT: Final = {"purchase_propensity": True, "churn_risk": False}
"""Scorers whose answer purchases can confirm, and whether it is the probability of one or of none."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One number, or two to be compared; None where there is none."""

    name: str
    challenger: float | None
    champion: float | None = None


@dataclass(frozen=True, kw_only=True)
class ShadowReport:
    """What was found about a challenger, in reading order, and what a reader must know of it."""

    name: str
    version: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def compare_scorers(
    name: str, version: str, log: ShadowLog, purchases: Purchases, horizon_days: int
) -> ShadowReport:
    """Both scorers on the same live decisions; where purchases can confirm them, against what came back.

    A decision counts as followed by a purchase when one of its customer was reported, for this decision or another one,
    within `horizon_days` of it; it is judged once those have passed.
    """
    lines, notes = list(_differences(log)), []
    if name in _BOUGHT:
        closed, bought = purchases.within(log, horizon_days * _DAY_US)
        happened = bought[closed] if _BOUGHT[name] else 1 - bought[closed]
        lines += _against(happened, log.challenger[closed], log.champion[closed])
        notes.append(
            f"{int(closed.sum()):,} decisions are {horizon_days} days old, {int(bought[closed].sum()):,} of them followed "
            "by a purchase; only purchases reported as outcomes count: where others are not, both seem to promise too many"
        )
    return ShadowReport(name=name, version=version, lines=tuple(lines), notes=tuple(notes))


def compare_policies(name: str, version: str, log: ShadowLog) -> ShadowReport:
    """The challenger's probabilities beside those that decided, where the champion did: in the group `decisioning`.

    agreement: the mean probability that the two distributions have in common, 1 where they are the same.
    """
    mine = log.groups == "decisioning"
    lines = [
        Line(name="decisions", challenger=float(mine.sum())),
        Line(name="agreement", challenger=_mean(log.agreements[mine])),
        Line(
            name="mean probability of the logged action",
            challenger=_mean(log.challenger[mine]),
            champion=_mean(log.champion[mine]),
        ),
    ]
    for action in np.unique(log.actions[mine]):
        rows = mine & (log.actions == action)
        lines.append(
            Line(
                name=f"... where that was {action} ({int(rows.sum()):,})",
                challenger=_mean(log.challenger[rows]),
                champion=_mean(log.champion[rows]),
            )
        )
    notes = [f"{int((~mine).sum()):,} decisions of other groups, which the champion did not decide, left out"]
    notes.append("which of the two earns more: `evaluate --against`, on rounds whose rewards are known")
    return ShadowReport(name=name, version=version, lines=tuple(lines), notes=tuple(notes))


def _differences(log: ShadowLog) -> Iterator[Line]:
    difference = log.challenger - log.champion
    yield Line(name="decisions", challenger=float(log.n_decisions))
    yield Line(name="mean score", challenger=_mean(log.challenger), champion=_mean(log.champion))
    yield Line(name="mean difference", challenger=_mean(difference))
    for quantile in QUANTILES:
        yield Line(
            name=f"{quantile:.0%} quantile of the difference",
            challenger=float(np.quantile(difference, quantile)) if len(difference) else None,
        )
    yield Line(name="rank correlation", challenger=_rank_correlation(log.challenger, log.champion))


def _against(happened: Floats, challenger: Floats, champion: Floats) -> Iterator[Line]:
    """AUC and calibration of both, as far as both outcomes occur."""
    if len(happened) == 0 or happened.min() == happened.max():
        yield Line(name="auc", challenger=None)
        return
    ours, theirs = (measure_probabilities(each, happened) for each in (challenger, champion))
    for measure in ("auc", "log_loss", "ece", "ece_noise", "mean_predicted", "mean_actual"):
        yield Line(name=measure, challenger=ours[measure], champion=theirs[measure])


def _rank_correlation(first: Floats, second: Floats) -> float | None:
    if len(first) < 2 or first.min() == first.max() or second.min() == second.max():
        return None
    return float(np.corrcoef(average_ranks(first), average_ranks(second))[0, 1])


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def shadow_table(report: ShadowReport) -> Table:
    """The report as a table; a dash where there is no number."""
    kind = "scorer" if report.name in SCORES else "policy"
    table = Table(
        title=f"{kind} {report.name}: version {report.version} in shadow", caption="\n".join(report.notes)
    )
    table.add_column("on live decisions")
    for heading in ("challenger", "champion"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in report.lines:
        table.add_row(line.name, _shown(line.challenger, "-"), _shown(line.champion, ""))
    return table


def _shown(number: float | None, otherwise: str) -> str:
    if number is None:
        return otherwise
    return f"{number:,.0f}" if number == int(number) and abs(number) > 1 else f"{number:,.4g}"


def shadow_record(report: ShadowReport) -> RunRecord:
    """The report as the record of an MLflow run: its numbers as metrics, by who they are of."""
    metrics = {
        f"{who}_{_key(line.name)}": number
        for line in report.lines
        for who, number in (("challenger", line.challenger), ("champion", line.champion))
        if number is not None and np.isfinite(number)
    }
    told = [f"- {line.name}: {line.challenger}, champion {line.champion}" for line in report.lines]
    text = "\n".join([f"# {report.name}, version {report.version}, in shadow", "", *told, "", *report.notes])
    parameters = {"name": report.name, "version": report.version}
    return RunRecord(parameters=parameters, metrics=metrics, tags={}, files={"shadow.md": text + "\n"})


def _key(name: str) -> str:
    """The name as MLflow takes it."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).strip("_")
