"""`promote`: a challenger replaces the champion if its gate opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import DECISION_POINTS, VAR, DatabaseUrl, DecisionPoints, TrackingUri, Var
from training.commands.slice_segments import slice_segments

if TYPE_CHECKING:
    from training.evaluation.gate import GateReport
    from training.places import Places
    from training.policy_trial import PolicyTrial
    from training.promotion import Contenders
    from training.registry import ModelRegistry

app = typer.Typer()


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="A registered model, such as coupon_policy or churn_risk.")],
    version: Annotated[str, typer.Option(help="By default the one that `challenger` points to.")] = "",
    log: Annotated[
        str,
        typer.Option(
            help="Policies: the log to judge on; by default decisions:DECISION. parquet:DIR: the export of it."
        ),
    ] = "",
    slices: Annotated[
        list[str],
        typer.Option(
            "--slice",
            help="Policies: rounds on which it must not be worse, such as churn_risk>=0.5, "
            "journey=cart_abandonment, segment:champions or several, joined by ' and '; may repeat.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    bar: Annotated[
        float, typer.Option(help="Policies: reward a round that must be gained for certain.")
    ] = 0.0,
    least_effective: Annotated[float, typer.Option(help="Policies: effective rounds needed.")] = 200.0,
    dataset: Annotated[str, typer.Option(help="Scorers: the data set to judge on.")] = "complete-journey",
    force: Annotated[
        str, typer.Option(help="Promote whatever the gate says; the reason goes on record.")
    ] = "",
    database_url: DatabaseUrl = "",
    points: DecisionPoints = DECISION_POINTS,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Make a challenger the champion if its gate opens; otherwise say which condition failed and leave with 1."""
    from training.evaluation.gate import PolicyGate
    from training.places import Places
    from training.policy_trial import PolicyTrial

    places = Places(var=var, tracking_uri=tracking_uri)
    gate = PolicyGate(bar=bar, least_effective=least_effective)
    trial = PolicyTrial(log=log, database_url=database_url, slices=slices, gate=gate)
    registry, contenders, report = _judge(places, (name, version), trial, dataset, points)
    _settle(registry, contenders, report, force.strip())


def _judge(
    places: Places, named: tuple[str, str], trial: PolicyTrial, dataset: str, points: Path
) -> tuple[ModelRegistry, Contenders, GateReport]:
    """What the gate of this model says of this version; leaves with 1 where it cannot be asked."""
    import numpy as np

    from models.artifact import ArtifactError
    from training.evaluation.errors import EvaluationError
    from training.importing.dataset import DatasetError
    from training.policies import DECISIONS
    from training.policy_trial import judge_policy
    from training.promotion import PromotionError, find_contenders, judge_scorer
    from training.registry import open_registry

    try:
        trial = replace(trial, segments=slice_segments(trial.slices, points))
        registry = open_registry(places)
        contenders = find_contenders(registry, *named)
        if contenders.name in DECISIONS:
            return registry, contenders, judge_policy(places, contenders, trial)
        return registry, contenders, judge_scorer(places, contenders, dataset, np.random.default_rng(0))
    except (ArtifactError, DatasetError, EvaluationError, PromotionError) as error:
        typer.echo(f"refused: {type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error


def _settle(registry: ModelRegistry, contenders: Contenders, report: GateReport, reason: str) -> None:
    """Say what was found and what came of it; leaves with 1 where the champion stays."""
    from training.promotion import settle

    for condition in report.conditions:
        typer.echo(f"{'ok' if condition.holds else 'FAILED':>6}  {condition.name}: {condition.detail}")
    if not settle(registry, contenders, report, reason):
        typer.echo(
            f"refused: {', '.join(report.failed)}; version {contenders.champion} stays champion", err=True
        )
        raise typer.Exit(1)
    how = "" if report.opens else f", forced: {reason}"
    typer.echo(
        f"{contenders.name}: version {contenders.challenger} is champion instead of {contenders.champion}{how}"
    )
