"""`evaluate`, `published-errors`, `promote`: policies and scorers judged before customers meet them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import VAR, TrackingUri, Var

if TYPE_CHECKING:
    from training.evaluation.paired import Difference

app = typer.Typer()


@app.command()
def evaluate(
    log: Annotated[
        str,
        typer.Option(
            help="decisions:[JOURNEY/]{channel|send_time|coupon|message}, our own decision log, or "
            "open-bandit:{random|bts}/{all|men|women}, or file:PATH, CSV or Parquet of any length."
        ),
    ],
    policy: Annotated[
        str,
        typer.Option(
            help="The evaluation policy: uniform, logged, one the log names (decisions: champion; open-bandit: "
            "bernoulli-ts; file: always:ACTION), or the folder of a saved one."
        ),
    ],
    against: Annotated[
        str, typer.Option(help="Another policy of the log: how much better is the first on the same rounds?")
    ] = "",
    bounds: Annotated[
        str,
        typer.Option(
            help="LOWEST:HIGHEST:LEAST_PROPENSITY, known beforehand: adds an interval that needs no normality."
        ),
    ] = "",
    mapping: Annotated[
        list[str], typer.Option("--map", help="file: OURS=THEIRS, OURS being action, reward or propensity.")
    ] = [],  # noqa: B006 - Typer copies it
    inputs: Annotated[
        list[str], typer.Option("--input", help="file: a column of the context; may repeat.")
    ] = [],  # noqa: B006
    propensity: Annotated[
        float | None, typer.Option(help="file: one for all rounds, as in a randomised test.")
    ] = None,
    database_url: Annotated[
        str,
        typer.Option(
            envvar="GARDOON_DATABASE_URL",
            help="Database of the decision log; by default SQLite in VAR/log.db.",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of replay's rejection and of simulated policies.")] = 0,
    level: Annotated[float, typer.Option(help="Level of the two-sided intervals.")] = 0.95,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Judge a policy on a log: diagnostics, then replay, IPS, SNIPS and DR with intervals."""
    import numpy as np
    from rich.console import Console

    from training.evaluation.bernstein import KnownBounds
    from training.evaluation.errors import EvaluationError
    from training.evaluation.file_source import PREFIX, evaluate_file, round_columns
    from training.evaluation.log_source import (
        bernstein_note,
        compare_named_policies,
        evaluate_named_policy,
        open_log,
    )
    from training.evaluation.report import render, render_differences
    from training.places import Places

    rng, started_at = np.random.default_rng(seed), time.monotonic()
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    try:
        if log.startswith(PREFIX) and (against or bounds):
            raise EvaluationError(
                "--against and --bounds want a log that is held in memory; a file is read in chunks"
            )
        if log.startswith(PREFIX):
            columns = round_columns(mapping, inputs, propensity)
            evaluation = evaluate_file(Path(log.removeprefix(PREFIX)), columns, policy, rng, level)
            notes = (_cost(evaluation.diagnostics.n_rounds, started_at),)
        else:
            source = open_log(log, Places(var=var, tracking_uri=tracking_uri), database_url)
            evaluation, notes = evaluate_named_policy(source, policy, rng, level), source.notes
            if bounds:
                known = KnownBounds.parse(bounds)
                notes = (*notes, bernstein_note(source, policy, known, rng, level))
            if against:
                differences = compare_named_policies(source, policy, against, rng, level)
    except EvaluationError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(render(evaluation, f"{policy} on {log}", notes))
    if differences:
        Console().print(render_differences(differences, policy, against))


@app.command("published-errors")
def published_errors(
    runs: Annotated[int, typer.Option(help="Bootstrap runs; the published numbers are of 30.")] = 30,
    var: Var = VAR,
) -> None:
    """Make the published errors of the estimators on the Open Bandit samples again, beside the published ones."""
    from rich.console import Console

    from training.evaluation.errors import EvaluationError
    from training.evaluation.open_bandit import fetch
    from training.evaluation.published import error_table, relative_errors

    try:
        found = relative_errors(fetch(var / "packages"), n_runs=runs)
    except EvaluationError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(error_table(found))


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
    database_url: Annotated[
        str, typer.Option(envvar="GARDOON_DATABASE_URL", help="Of the decision log.")
    ] = "",
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


def _cost(n_rounds: int, started_at: float) -> str:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{n_rounds:,} rounds in {time.monotonic() - started_at:.0f} s, peak memory {peak:,.0f} MB"
