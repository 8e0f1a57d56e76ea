"""`simulate`, `features`, `materialize`: from a data set to the online store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import (
    VAR,
    EngineChoice,
    FeatureStoreYaml,
    SparkMaster,
    Var,
    chosen_engine,
    parse_time,
)

if TYPE_CHECKING:
    pass

app = typer.Typer()


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


@app.command("features")
def build_features(
    as_of: Annotated[
        list[str],
        typer.Option(help="ISO 8601 time, UTC unless it says so; may repeat. By default the data's end."),
    ] = [],  # noqa: B006 - Typer copies it
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "complete-journey",
    engine: EngineChoice = "duckdb",
    spark_master: SparkMaster = "",
    feature_store: FeatureStoreYaml = None,
    var: Var = VAR,
) -> None:
    """Compute every customer's features at the as-of times and register the views with Feast."""
    from features.engine import EngineError
    from features.offline import build_snapshots, data_end
    from training.feature_store import open_served_store, register_views
    from training.importing.dataset import dataset_folder
    from training.places import Places

    places, folder = Places(var=var, feature_store_yaml=feature_store), dataset_folder(var, dataset)
    try:
        as_ofs = [parse_time(text) for text in as_of] or [data_end(folder)]
        with chosen_engine(engine, spark_master, var) as opened:
            written = build_snapshots(folder, as_ofs, places.snapshots, engine=opened)
    except (EngineError, FileNotFoundError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    for view, rows in written.items():
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
    """Write one snapshot of every view into the online store; into Redis, go on where a cut off write ended."""
    from features.bulk import latest_as_of
    from features.online import OnlineStoreError
    from training.commands.filling_bar import filling_bar
    from training.feature_store import FeatureStoreError
    from training.online_store import fill_online_store
    from training.places import Places

    places = Places(var=var, feature_store_yaml=feature_store)
    try:
        speaks_of = parse_time(as_of) if as_of else latest_as_of(places.snapshots)
        stored_at = (
            datetime.now(UTC) if served_at == "now" else parse_time(served_at) if served_at else speaks_of
        )
        with filling_bar() as progress:
            written = fill_online_store(places, as_of=speaks_of, served_at=stored_at, progress=progress)
    except (OnlineStoreError, FeatureStoreError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    for view, customers in written.items():
        typer.echo(f"{view}: {customers} customers")
