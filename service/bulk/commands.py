"""`python -m service decide-batch`: decide for everybody of a segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from service.settings import Settings

if TYPE_CHECKING:
    from service.access.audit import AuditEntry
    from service.bulk.run import Run


Begin = Callable[[Settings, Path, Sequence[int]], Iterator[int]]
"""Decides parts of a folder and tells how many are complete."""


class Engine(StrEnum):
    """What runs the processes that decide."""

    LOCAL = "local"
    SPARK = "spark"


def decide_batch(
    journey: Annotated[str, typer.Option(help="The journey to decide in.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the run: its note, its customers, its answers as Parquet.")
    ],
    segment: Annotated[
        str | None, typer.Option(help="Whom it is for; none: everybody in --customers.")
    ] = None,
    customers: Annotated[
        Path | None,
        typer.Option(
            help="A .csv or .parquet file with customer_id; by default everybody in the online store."
        ),
    ] = None,
    at: Annotated[
        str, typer.Option(help="The decisions' moment, ISO 8601; by default the start of the run.")
    ] = "",
    part_rows: Annotated[int, typer.Option(help="Customers whose answers make a file.", min=1)] = 10_000,
    processes: Annotated[int, typer.Option(help="Processes that decide side by side.", min=1)] = 2,
    engine: Annotated[Engine, typer.Option(help="What runs the processes.")] = Engine.LOCAL,
    spark_master: Annotated[
        str, typer.Option(help="Spark's address; by default what spark-submit says, else this machine.")
    ] = "",
) -> None:
    """Decide for a whole segment, logged like any other decisions; run again after it was cut off, it goes on."""
    from features.declared import DeclarationError
    from features.online import OnlineStoreError
    from service.access.audit import on_record
    from service.app import utc_now
    from service.bulk.on_spark import decide_on_spark, open_session
    from service.bulk.preparing import Wanted, begin_run
    from service.bulk.processes import PartFailedError, alone_in, decide_side_by_side
    from service.bulk.run import RunError
    from service.store.engine import opened_log

    settings = Settings()
    try:
        wanted = Wanted(
            journey=journey, segment=segment, customers=customers, at=_moment(at), part_rows=part_rows
        )
        _make_folder(out)
        with alone_in(out):
            run = begin_run(settings, out, wanted, utc_now())
            with opened_log(settings.log_url) as log, on_record(log, _entry(run)):
                if engine is Engine.LOCAL:
                    begin: Begin = partial(decide_side_by_side, processes=processes)
                else:
                    begin = partial(decide_on_spark, open_session(spark_master, processes))
                _decide(settings, out, run, begin)
    except (RunError, DeclarationError, OnlineStoreError, PartFailedError) as error:
        Console(stderr=True).print(f"[red]{error}[/red]", soft_wrap=True)
        raise typer.Exit(1 if isinstance(error, PartFailedError) else 2) from None


def _make_folder(folder: Path) -> None:
    """Raises `RunError` where none can be."""
    from service.bulk.run import RunError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"--out {folder}: no folder can be there: {error.strerror}") from error


def _decide(settings: Settings, folder: Path, run: Run, begin: Begin) -> None:
    from rich.progress import Progress

    from service.bulk.part import count_statuses, missing_parts

    missing = missing_parts(folder, run.parts)
    with Progress(console=Console(stderr=True)) as bars:
        bar = bars.add_task(run.journey, total=len(run.parts), completed=len(run.parts) - len(missing))
        for done in begin(settings, folder, missing):
            bars.update(bar, completed=len(run.parts) - len(missing) + done)
    counts = count_statuses(folder, run.parts)
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items()) or "nobody"
    said = f"{sum(counts.values()):,} of {run.customers:,} customers decided about: {told}; in {folder}"
    Console().print(said, highlight=False, soft_wrap=True)


def _entry(run: Run) -> AuditEntry:
    from service.access.audit import Act, AuditEntry, operator

    detail: dict[str, str | int] = {"run": run.run_id, "segment": run.segment.name if run.segment else ""}
    return AuditEntry(
        at=datetime.now(UTC),
        actor=operator(),
        act=Act.SEGMENT_DECIDED,
        subject=f"journey:{run.journey}",
        detail={**detail, "customers": run.customers},
    )


def _moment(text: str) -> datetime | None:
    """The time of an option, in whole milliseconds as decisions have it; UTC unless it says so. Raises `RunError`."""
    from service.bulk.run import RunError

    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RunError(f"--at {text}: wanted a time such as 2026-11-22T09:00:00+03:30") from error
    aware = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)
