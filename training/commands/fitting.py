"""`fit`: scorers and policies, registered as champions or challengers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from training.commands.options import VAR, Challenger, DatabaseUrl, TrackingUri, Var, parse_time

if TYPE_CHECKING:
    from training.retraining import Retraining

app = typer.Typer(no_args_is_help=True, help="Fit models and register them as champions or challengers.")

Dataset = Annotated[str, typer.Option(help="Name of the data set.")]


@app.command("scorers")
def fit_scorers(
    dataset: Dataset = "complete-journey",
    purchase_days: Annotated[int, typer.Option(min=1, help="Horizon of purchase_propensity.")] = 7,
    churn_days: Annotated[int, typer.Option(min=1, help="Horizon of churn_risk; 90 for rarer orders.")] = 28,
    value_days: Annotated[int, typer.Option(min=1, help="Horizon of expected_value.")] = 90,
    test_as_of: Annotated[
        str | None,
        typer.Option(
            help="Date to test at, or the last whose horizon lies in the data where that is earlier."
        ),
    ] = None,
    register: Annotated[bool, typer.Option(help="Register the scorers.")] = True,
    challenger: Challenger = False,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Fit purchase propensity, churn risk and expected value, print what they reach, register them as champions.

    Always on the data set: the decision log tells what those who were asked about did within a reward's window,
    not what every customer ordered. To retrain, import the newest orders and fit --challenger. A champion that was promoted
    stays: what is fitted then is a challenger.
    """
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
        raise _refused(error) from error
    for run in runs:
        Console().print(measured_table(run))
    places = Places(var=var, tracking_uri=tracking_uri)
    alias = CHALLENGER if challenger else CHAMPION
    for name, placing in publish_scorers(places, runs, alias=alias) if register else ():
        typer.echo(f"{name}: {placing}")


@app.command("policies")
def fit_policies(
    dataset: Dataset = "complete-journey",
    seed: Annotated[int, typer.Option(help="Seed of the simulated world; that of `simulate`.")] = 0,
    challenger: Challenger = False,
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Start the three policies on simulated feedback, print what that is worth, register them as champions.

    A champion that was promoted stays: what is fitted then is a challenger. On real feedback: `fit policy NAME --from-log`.
    """
    from training.policies import DECISIONS

    _start_policies(var, tracking_uri, dataset, _Start(tuple(DECISIONS), seed, challenger))


@app.command("policy")
def fit_policy(
    name: Annotated[str, typer.Argument(help="channel_policy, send_time_policy or coupon_policy.")],
    from_log: Annotated[
        bool,
        typer.Option("--from-log", help="On the decision log's rounds; without: its simulated warm start."),
    ] = False,
    log: Annotated[
        str,
        typer.Option(help="With --from-log: parquet:DIR, the export of that log; by default its database."),
    ] = "",
    kind: Annotated[
        str,
        typer.Option(
            help="With --from-log: linear_thompson, lin_ucb, square_cb, epsilon_greedy, logistic_thompson or "
            "boosted_square_cb, starting from nothing; by default the champion's own, from its warm start on."
        ),
    ] = "",
    warm_start: Annotated[
        bool, typer.Option(help="With --from-log, the champion's kind: keep the simulated warm start.")
    ] = True,
    until: Annotated[
        str | None, typer.Option(help="With --from-log: only rounds decided before this moment.")
    ] = None,
    reward_range: Annotated[
        str, typer.Option(help="LOW:HIGH, the rewards that a logistic_thompson can get.")
    ] = "0:1",
    challenger: Annotated[
        bool,
        typer.Option("--challenger/--champion", help="What to register it as; a promoted champion stays."),
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of the trees, or of the simulated world.")] = 0,
    dataset: Dataset = "complete-journey",
    database_url: DatabaseUrl = "",
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Fit one policy anew and register it as challenger: from the decision log, or its warm start alone.

    From the log: every round of a randomised group whose reward is known, decided before any reward window was still open.
    The same log and seed give the same bytes.
    """
    from training.policies import DECISIONS

    if name not in DECISIONS:
        raise typer.BadParameter(f"no policy {name!r}; wanted one of {', '.join(DECISIONS)}")
    if not from_log:
        if log or kind or until or not warm_start:
            raise typer.BadParameter("--log, --kind, --until and --no-warm-start want --from-log")
        _start_policies(var, tracking_uri, dataset, _Start((name,), seed, challenger))
        return
    from training.retraining import Retraining

    wanted = Retraining(
        name=name,
        kind=kind,
        warm_start=warm_start,
        until=parse_time(until) if until else None,
        seed=seed,
        reward_range=_parse_range(reward_range),
        log=log,
        database_url=database_url,
    )
    _retrain(var, tracking_uri, wanted, challenger)


class _Start(NamedTuple):
    names: tuple[str, ...]
    seed: int
    challenger: bool


def _start_policies(var: Path, tracking_uri: str, dataset: str, start: _Start) -> None:
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
        places = Places(var=var, tracking_uri=tracking_uri)
        alias = CHALLENGER if start.challenger else CHAMPION
        published = publish_warm_starts(places, dataset, seed=start.seed, alias=alias, names=start.names)
    except (AudienceError, DatasetError, NoChampionError, SimulationError) as error:
        raise _refused(error) from error
    Console().print(value_table([started for started, _ in published]))
    for started, placing in published:
        typer.echo(f"{started.name}: {placing}")


def _retrain(var: Path, tracking_uri: str, wanted: Retraining, challenger: bool) -> None:
    from models.artifact import ArtifactError
    from training.champion import NoChampionError
    from training.evaluation.errors import EvaluationError
    from training.places import Places
    from training.policy_fit import PolicyFitError
    from training.publish import publish_retrained
    from training.registry import CHALLENGER, CHAMPION, open_registry
    from training.retraining import retrain_policy

    places = Places(var=var, tracking_uri=tracking_uri)
    try:
        registry = open_registry(places)
        fitted = retrain_policy(registry, places, wanted)
        placing = publish_retrained(registry, fitted, CHALLENGER if challenger else CHAMPION)
    except (ArtifactError, EvaluationError, NoChampionError, PolicyFitError) as error:
        raise _refused(error) from error
    typer.echo(fitted.describe())
    if fitted.left_out:
        counts = ", ".join(f"{n:,} {reason}" for reason, n in sorted(fitted.left_out.items()))
        typer.echo(f"decisions left out: {counts}")
    typer.echo(f"{fitted.name}: {placing}")


def _parse_range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no LOW:HIGH such as 0:1") from error
    return low, high


def _refused(error: Exception) -> typer.Exit:
    typer.echo(f"refused: {error}", err=True)
    return typer.Exit(2)
