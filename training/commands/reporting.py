"""`report`: the numbers that a shop is managed by."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import VAR, DatabaseUrl, Var, parse_time

if TYPE_CHECKING:
    from training.measures.report import ReadLog

app = typer.Typer()


@app.command()
def report(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "complete-journey",
    since: Annotated[
        str, typer.Option(help="Only who joined and what happened at this time or later, ISO 8601.")
    ] = "",
    until: Annotated[str, typer.Option(help="Only what happened before this time, ISO 8601.")] = "",
    interval_days: Annotated[
        list[int],
        typer.Option(min=1, help="Length of the intervals of retention_interval; may repeat. 30 and 90."),
    ] = [30, 90],  # noqa: B006 - Typer copies it
    message_cost: Annotated[
        float, typer.Option(min=0.0, help="What one message costs, in the shop's currency.")
    ] = 0.0,
    acquisition: Annotated[
        str,
        typer.Option(help="SPENT:ORDERS of acquisition, to set costs per order against: 500000:3."),
    ] = "",
    time_zone: Annotated[
        str,
        typer.Option(
            envvar="GARDOON_TIME_ZONE", help="The shop's zone: of its days, and of who has none of their own."
        ),
    ] = "Asia/Tehran",
    log: Annotated[
        str,
        typer.Option(
            help="parquet:DIR, what `python -m service export-log --out DIR` wrote; by default the log's database."
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the files; by default VAR/reports.")] = None,
    database_url: DatabaseUrl = "",
    var: Var = VAR,
) -> None:
    """Measure retention, funnel, value, costs, response, message tests and budgets; as tables, JSON, a page and CSV."""
    from rich.console import Console

    from features.zone import UnknownTimeZoneError
    from training.evaluation.errors import EvaluationError
    from training.importing.dataset import DatasetError, dataset_folder
    from training.measures.report import Question, make_report
    from training.measures.terminal import render_report
    from training.measures.writing import write_report
    from training.places import Places

    places = Places(var=var)
    begins, ends = (parse_time(text) if text else None for text in (since, until))
    if begins and ends and begins >= ends:
        raise typer.BadParameter(
            f"--since {since} is not before --until {until}; wanted --since before --until"
        )
    asked = Question(
        since=begins,
        until=ends,
        time_zone=time_zone,
        interval_days=tuple(interval_days),
        message_cost=message_cost,
        acquisition_cost=_acquisition_cost(acquisition) if acquisition else None,
    )
    log_url = database_url or (places.log_url if (var / "log.db").is_file() else None)
    try:
        read = _reader(log, log_url)
        found = make_report(dataset_folder(var, dataset), read, asked, datetime.now(UTC))
    except (DatasetError, EvaluationError, UnknownTimeZoneError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
    Console().print(render_report(found))
    for path in write_report(found, out or places.reports):
        typer.echo(f"written: {path}")


def _reader(log: str, url: str | None) -> ReadLog | None:
    """Reads the export that is named, else the database at the URL; None without either. Raises `typer.BadParameter`."""
    from training.measures.report import read_exported_log, read_log

    kind, _, folder = log.partition(":")
    if log and (kind != "parquet" or not folder):
        raise typer.BadParameter(f"--log {log!r}: wanted parquet:DIR")
    if log:
        return partial(read_exported_log, Path(folder))
    return None if url is None else partial(read_log, url)


def _acquisition_cost(text: str) -> float:
    """What an order of an acquired customer cost. Raises `typer.BadParameter`."""
    from training.measures.economics import cost_per_order

    spent, _, orders = text.partition(":")
    try:
        numbers = float(spent), float(orders)
    except ValueError as error:
        raise typer.BadParameter(f"--acquisition {text!r}: wanted SPENT:ORDERS such as 500000:3") from error
    if numbers[0] < 0 or numbers[1] <= 0:
        raise typer.BadParameter(f"--acquisition {text!r}: wanted SPENT of 0 or more and ORDERS above 0")
    return cost_per_order(*numbers)
