"""`evaluate`, `published-errors`: policies judged on logs, and the estimators on published numbers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.judgement_output import (
    cost_note,
    print_judgement,
    record_run,
    report_path,
    write_page,
)
from training.commands.options import (
    DECISION_POINTS,
    VAR,
    DatabaseUrl,
    DecisionPoints,
    TrackingUri,
    Var,
    parse_time,
)
from training.commands.slice_segments import slice_segments

if TYPE_CHECKING:
    from training.evaluation.judgement import Judgement
    from training.evaluation.log_request import LogRequest
    from training.evaluation.question_text import QuestionText
    from training.places import Places

app = typer.Typer()


class Interval(StrEnum):
    """How intervals are made."""

    LINEARISED = "linearised"
    BOOTSTRAP = "bootstrap"


@app.command()
def evaluate(
    log: Annotated[
        str,
        typer.Option(
            help="decisions:[JOURNEY/]{channel|send_time|coupon|message}, our own decision log; "
            "parquet:DIR:[JOURNEY/]{...}, what `python -m service export-log --out DIR` wrote of it; "
            "open-bandit:{random|bts}/{all|men|women}; file:PATH, anyone's CSV or Parquet."
        ),
    ],
    policy: Annotated[
        str,
        typer.Option(
            help="The evaluation policy: uniform, logged, one the log names (decisions: champion, challenger; open-bandit: "
            "bernoulli-ts; file: always:ACTION), or the folder of a saved one."
        ),
    ],
    against: Annotated[
        str, typer.Option(help="Another policy of the log: how much better is the first on the same rounds?")
    ] = "",
    slices: Annotated[
        list[str],
        typer.Option(
            "--slice",
            help="Rounds to look at apart: churn_risk>=0.5, journey=cart_abandonment, or segment:champions (decisions, "
            "parquet), "
            "several joined by ' and '; may repeat. Each journey, group and --label is one anyway.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    bounds: Annotated[
        str,
        typer.Option(
            help="LOWEST:HIGHEST:LEAST_PROPENSITY, known beforehand: adds an interval that needs no normality."
        ),
    ] = "",
    interval: Annotated[
        Interval, typer.Option(help="Intervals from the linearised estimate or from resampled rounds.")
    ] = Interval.LINEARISED,
    since: Annotated[
        str, typer.Option(help="decisions, parquet: only those made at this time or later, ISO 8601.")
    ] = "",
    mapping: Annotated[
        list[str], typer.Option("--map", help="file: OURS=THEIRS, OURS being action, reward or propensity.")
    ] = [],  # noqa: B006
    inputs: Annotated[
        list[str], typer.Option("--input", help="file: a column of the context; may repeat.")
    ] = [],  # noqa: B006
    labels: Annotated[
        list[str], typer.Option("--label", help="file: a column of texts to cut slices by; may repeat.")
    ] = [],  # noqa: B006
    propensity: Annotated[
        float | None, typer.Option(help="file: one for all rounds, as in a randomised test.")
    ] = None,
    database_url: DatabaseUrl = "",
    points: DecisionPoints = DECISION_POINTS,
    seed: Annotated[
        int, typer.Option(help="Seed of replay's rejection, of resamples and of simulated policies.")
    ] = 0,
    level: Annotated[float, typer.Option(help="Level of the two-sided intervals.")] = 0.95,
    report: Annotated[
        Path | None, typer.Option(help="The HTML report; by default a new file in VAR/reports.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--log-run/--no-log", help="Keep the evaluation as a run in MLflow.")
    ] = True,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Judge a policy on a log: diagnostics, then estimators with intervals; as a table, an HTML report and an MLflow run."""
    from training.evaluation.bootstrap import N_RESAMPLES
    from training.evaluation.errors import EvaluationError
    from training.evaluation.file_source import round_columns
    from training.evaluation.html_report import Heading
    from training.evaluation.log_request import LogRequest
    from training.evaluation.question_text import QuestionText
    from training.places import Places

    started_at, places = time.monotonic(), Places(var=var, tracking_uri=tracking_uri)
    about = {"log": log, "policy": policy, "against": against, "level": f"{level:g}", "seed": str(seed)}
    about |= {"intervals": str(interval), "since": since, "slices": ", ".join(slices), "bounds": bounds}
    n_resamples = N_RESAMPLES if interval == Interval.BOOTSTRAP else 0
    asked = QuestionText(
        policy=policy, against=against, slices=slices, bounds=bounds, n_resamples=n_resamples, level=level
    )
    try:
        request = LogRequest(
            name=log,
            database_url=database_url,
            columns=round_columns(mapping, inputs, propensity, labels),
            since=parse_time(since) if since else None,
            judged=(policy, against),
            segments=slice_segments(slices, points),
        )
        found, notes = _judge(request, asked, places, seed)
    except EvaluationError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error
    notes = (
        *notes,
        cost_note(found.evaluation.diagnostics.n_rounds, "rounds", time.monotonic() - started_at),
    )
    heading = Heading(policy=policy, log=log, against=against, about=about, notes=notes)
    print_judgement(found, heading)
    page = write_page(found, heading, report or report_path(var, heading, datetime.now(UTC)))
    if record:
        record_run(found, heading, places, page)


def _judge(
    request: LogRequest, asked: QuestionText, places: Places, seed: int
) -> tuple[Judgement, tuple[str, ...]]:
    """The answer, and what a reader must know of the log."""
    import numpy as np

    from training.evaluation.log_request import open_requested

    rng = np.random.default_rng(seed)
    with open_requested(request, places, rng) as log:
        return log.judge(asked.of(log), rng), log.notes


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
