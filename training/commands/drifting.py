"""`drift`: what models were trained on beside what live decisions saw."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from training.commands.judgement_output import cost_note
from training.commands.options import VAR, DatabaseUrl, FeatureStoreYaml, TrackingUri, Var, parse_time

if TYPE_CHECKING:
    from training.drift.report import DriftReport

app = typer.Typer()

PAST: Final = 3
"""The exit code for a shift as large as --fail-at: neither a fault (1) nor a refusal (2)."""


@app.command()
def drift(
    log: Annotated[
        str,
        typer.Option(
            help="decisions, the service's own log; parquet:DIR, what `python -m service export-log` wrote."
        ),
    ] = "decisions",
    models: Annotated[
        list[str],
        typer.Option("--model", help="A registered scorer or policy; may repeat. By default all of them."),
    ] = [],  # noqa: B006 - Typer copies it
    since: Annotated[
        str,
        typer.Option(help="Only decisions made at this time or later, ISO 8601: last week, not all time."),
    ] = "",
    orders: Annotated[
        str,
        typer.Option(
            help="A data set whose orders tell what customers did after: adds the calibration of probabilities."
        ),
    ] = "",
    ages: Annotated[
        bool, typer.Option("--ages", help="Also how old the rows of some of these customers are now.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="A file for the whole report: .html to read, .json for a program.")
    ] = None,
    fail_at: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Leave with exit code 3 if an input shifted so far: 0.1 is to be watched, 0.25 drift. For jobs that alarm.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample that the log's quantiles are of.")] = 0,
    database_url: DatabaseUrl = "",
    tracking_uri: TrackingUri = "",
    feature_store: FeatureStoreYaml = None,
    var: Var = VAR,
) -> None:
    """Compare the inputs that champions were trained on with what decisions saw: which features and scores moved."""
    from rich.console import Console

    from features.online import OnlineStoreError
    from models.artifact import ArtifactError
    from training.champion import NoChampionError
    from training.drift.comparison import Comparison, compare
    from training.drift.report import render_drift
    from training.evaluation.errors import EvaluationError
    from training.importing.dataset import DatasetError
    from training.places import Places

    if out is not None and out.suffix not in (".html", ".json"):
        raise typer.BadParameter(f"--out {out}: wanted a file .html or .json")
    asked = Comparison(
        models=tuple(models),
        log=log,
        since=parse_time(since) if since else None,
        database_url=database_url,
        rows_at=datetime.now(UTC) if ages else None,
        orders=orders,
        seed=seed,
    )
    started_at = time.monotonic()
    try:
        report = compare(asked, Places(var=var, tracking_uri=tracking_uri, feature_store_yaml=feature_store))
    except (ArtifactError, DatasetError, EvaluationError, NoChampionError, OnlineStoreError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    Console().print(render_drift(report))
    typer.echo(cost_note(report.n_decisions, "decisions", time.monotonic() - started_at))
    if out is not None:
        _write(report, out)
    if fail_at is not None:
        _alarm(report, fail_at)


def _write(report: DriftReport, out: Path) -> None:
    from training.drift.html_report import write_drift_page

    out.parent.mkdir(parents=True, exist_ok=True)
    page = json.dumps(report.as_json(), indent=1) if out.suffix == ".json" else write_drift_page(report)
    out.write_text(page, encoding="utf-8")
    typer.echo(f"report: {out}")


def _alarm(report: DriftReport, bound: float) -> None:
    past = report.past(bound)
    if past:
        named = ", ".join(sorted({each.name for each in past}))
        typer.echo(f"shifted by {bound:g} or more: {named}", err=True)
        raise typer.Exit(PAST)
