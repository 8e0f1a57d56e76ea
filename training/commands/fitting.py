"""`fit`: scorers and policies, registered as champions or challengers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import VAR, Challenger, TrackingUri, Var, parse_time

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Fit models and register them as champions.")


@app.command("scorers")
def fit_scorers(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "complete-journey",
    purchase_days: Annotated[int, typer.Option(min=1, help="Horizon of purchase_propensity.")] = 7,
    churn_days: Annotated[int, typer.Option(min=1, help="Horizon of churn_risk; 90 for rarer orders.")] = 28,
    value_days: Annotated[int, typer.Option(min=1, help="Horizon of expected_value.")] = 90,
    test_as_of: Annotated[
        str | None,
        typer.Option(
            help="Date to test at, or the last whose horizon lies in the data where that is earlier."
        ),
    ] = None,
    register: Annotated[bool, typer.Option(help="Register the scorers as champions.")] = True,
    challenger: Challenger = False,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Fit purchase propensity, churn risk and expected value, print what they reach, register them as champions."""
    from rich.console import Console

    from training.importing.dataset import DatasetError
    from training.places import Places
    from training.registry import CHALLENGER, CHAMPION
    from training.schedule import TooLittleDataError
    from training.scorers.publish import publish_scorers
    from training.scorers.report import measured_table
    from training.scorers.run import fit_scorers
    from training.scorers.spec import scorer_specs

    specs = scorer_specs(purchase_days=purchase_days, churn_days=churn_days, value_days=value_days)
    try:
        runs = fit_scorers(var, dataset, specs, test_as_of=parse_time(test_as_of) if test_as_of else None)
    except (DatasetError, TooLittleDataError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    for run in runs:
        Console().print(measured_table(run))
    places = Places(var=var, tracking_uri=tracking_uri)
    alias = CHALLENGER if challenger else CHAMPION
    for name, version in publish_scorers(places, runs, alias=alias) if register else ():
        typer.echo(f"{name}: {f'version {version} is {alias}' if version else 'unchanged'}")


@app.command("policies")
def fit_policies(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "complete-journey",
    seed: Annotated[int, typer.Option(help="Seed of the simulated world; that of `simulate`.")] = 0,
    challenger: Challenger = False,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Start the three policies on simulated feedback, print what that is worth, register them as champions."""
    from rich.console import Console

    from training.champion import NoChampionError
    from training.importing.dataset import DatasetError
    from training.places import Places
    from training.publish import publish_warm_starts
    from training.registry import CHALLENGER, CHAMPION
    from training.simulation.audience import AudienceError
    from training.simulation.formation import SimulationError
    from training.warm_start import value_table

    try:
        places, alias = Places(var=var, tracking_uri=tracking_uri), CHALLENGER if challenger else CHAMPION
        published = publish_warm_starts(places, dataset, seed=seed, alias=alias)
    except (AudienceError, DatasetError, NoChampionError, SimulationError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    Console().print(value_table([started for started, _ in published]))
    for started, version in published:
        typer.echo(f"{started.name}: {f'version {version} is {alias}' if version else 'unchanged'}")
