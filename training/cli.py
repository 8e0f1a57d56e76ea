"""The batch commands: `python -m training COMMAND`. Each is thin; what it runs is imported when it runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import typer

from training.commands import (
    complementing,
    drifting,
    features,
    fitting,
    importing,
    judging,
    promoting,
    reporting,
    segmenting,
    shadowing,
)
from training.commands.options import VAR, FeatureStoreYaml, TrackingUri, Var

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(importing.app, name="import")
app.add_typer(features.app)
app.add_typer(segmenting.app)
app.add_typer(complementing.app)
app.add_typer(fitting.app, name="fit")
app.add_typer(judging.app)
app.add_typer(promoting.app)
app.add_typer(shadowing.app)
app.add_typer(drifting.app)
app.add_typer(reporting.app)


@app.callback()
def main() -> None:
    """Import data, build features, fit scorers and policies, evaluate and promote."""


@app.command()
def prepare(tracking_uri: TrackingUri = "", feature_store: FeatureStoreYaml = None, var: Var = VAR) -> None:
    """Do everything that serving needs, from the raw data on; what is finished is not repeated."""
    from rich.console import Console

    from training.code_version import source_digest
    from training.places import Places
    from training.prepare import prepare

    places = Places(var=var, tracking_uri=tracking_uri, feature_store_yaml=feature_store)
    console, started_at = Console(soft_wrap=True), time.monotonic()
    var.mkdir(parents=True, exist_ok=True)
    with console.status("") as status:
        for progress in prepare(places, code=source_digest(), now=datetime.now(UTC)):
            title = f"{progress.number}/{progress.of} {progress.step.name}"
            if progress.summary is None:
                status.update(f"{title} ...")
                step_started_at = time.monotonic()
            elif progress.repeated:
                console.print(f"{title}: {progress.summary} ({time.monotonic() - step_started_at:.0f} s)")
            else:
                console.print(f"{title}: {progress.summary} (done before)")
    where = "" if tracking_uri or feature_store else f"; everything is in {var}/"
    console.print(f"prepared in {time.monotonic() - started_at:.0f} s{where}")
