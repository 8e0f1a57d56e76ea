"""`shadow`: how a challenger compares on live decisions that it did not decide."""

from __future__ import annotations

from typing import Annotated

import typer

from training.commands.options import VAR, DatabaseUrl, TrackingUri, Var

app = typer.Typer()


@app.command()
def shadow(
    name: Annotated[str, typer.Argument(help="A registered model, such as coupon_policy or churn_risk.")],
    version: Annotated[str, typer.Option(help="By default the one that `challenger` points to.")] = "",
    database_url: DatabaseUrl = "",
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Print and log what a challenger said of live decisions beside what was answered; the learner's process scores them."""
    from rich.console import Console

    from models.artifact import ArtifactError
    from training.evaluation.errors import EvaluationError
    from training.places import Places
    from training.promotion import PromotionError, find_contenders
    from training.registry import open_registry
    from training.shadow import shadow_record, shadow_table
    from training.shadow_report import NothingScoredError, report_shadow

    places = Places(var=var, tracking_uri=tracking_uri)
    try:
        registry = open_registry(places)
        contenders = find_contenders(registry, name, version)
        report = report_shadow(places, contenders, database_url)
    except (ArtifactError, EvaluationError, NothingScoredError, PromotionError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    with registry.run(f"shadow {name}") as run_id:
        registry.log(run_id, shadow_record(report))
    Console().print(shadow_table(report))
