"""`promote`: a challenger replaces the champion if its gate opens."""

from __future__ import annotations

from typing import Annotated

import typer

from training.commands.options import VAR, DatabaseUrl, TrackingUri, Var

app = typer.Typer()


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="A registered model, such as coupon_policy or churn_risk.")],
    version: Annotated[str, typer.Option(help="By default the one that `challenger` points to.")] = "",
    log: Annotated[
        str, typer.Option(help="Policies: the log to judge on; by default decisions:DECISION.")
    ] = "",
    slices: Annotated[
        list[str],
        typer.Option(
            "--slice",
            help="Policies: rounds on which it must not be worse, such as churn_risk>=0.5, "
            "journey=cart_abandonment or both, joined by ' and '; may repeat.",
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
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Make a challenger the champion if its gate opens; otherwise say which condition failed and leave with 1."""
    import numpy as np

    from models.artifact import ArtifactError
    from training import promotion
    from training.evaluation.errors import EvaluationError
    from training.evaluation.gate import PolicyGate
    from training.importing.dataset import DatasetError
    from training.places import Places
    from training.registry import open_registry

    places = Places(var=var, tracking_uri=tracking_uri)
    gate = PolicyGate(bar=bar, least_effective=least_effective)
    trial = promotion.PolicyTrial(log=log, database_url=database_url, slices=slices, gate=gate)
    try:
        registry = open_registry(places)
        contenders = promotion.find_contenders(registry, name, version)
        if name in promotion.POLICIES:
            report = promotion.judge_policy(places, contenders, trial)
        else:
            report = promotion.judge_scorer(places, contenders, dataset, np.random.default_rng(0))
    except (ArtifactError, DatasetError, EvaluationError, promotion.PromotionError) as error:
        typer.echo(f"refused: {type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error
    for condition in report.conditions:
        typer.echo(f"{'ok' if condition.holds else 'FAILED':>6}  {condition.name}: {condition.detail}")
    if not promotion.settle(registry, contenders, report, force.strip()):
        typer.echo(
            f"refused: {', '.join(report.failed)}; version {contenders.champion} stays champion", err=True
        )
        raise typer.Exit(1)
    how = "" if report.opens else f", forced: {force.strip()}"
    typer.echo(f"{name}: version {contenders.challenger} is champion instead of {contenders.champion}{how}")
