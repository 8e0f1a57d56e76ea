"""`python -m service events ...`: the tracking plan, and what was kept aside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.events.plan import PlanError, TrackingPlan, describe_plan, load_plan
from service.settings import Settings

events_app = typer.Typer(
    no_args_is_help=True, help="The tracking plan, history, and what was kept aside of events."
)
Most = Annotated[int, typer.Option(help="How many rows at most.", min=1)]


@events_app.command("plan")
def show_plan() -> None:
    """Print the tracking plan as Markdown, as docs/tracking-plan.md has it."""
    typer.echo(describe_plan(_plan(Settings())))


@events_app.command("aside")
def show_aside(limit: Most = 100) -> None:
    """Show what was kept aside: how much for each fault, then the newest messages, without what they say."""
    from service.store.aside_log import count_aside, newest_aside
    from service.store.engine import moment, opened_log

    console = Console(width=200)
    faults = Table("messages", "event", "field", "fault", box=None)
    newest = Table("received", "message id", "event", "field", "fault", box=None)
    with opened_log(Settings().log_url) as engine, engine.connect() as connection:
        for counted in count_aside(connection):
            faults.add_row(f"{counted.messages:,}", counted.name or "-", counted.field, counted.fault)
        for row in newest_aside(connection, limit):
            received = f"{moment(row.received_at):%Y-%m-%d %H:%M:%S} UTC"
            newest.add_row(received, row.message_id, row.name or "-", row.field, row.fault)
    if not faults.rows:
        console.print("nothing is kept aside")
        return
    console.print(faults)
    console.print(newest)


@events_app.command("import")
def import_history(
    path: Annotated[Path, typer.Argument(help="NDJSON: a message a line, each with its type and timestamp.")],
) -> None:
    """Take in history from a file; run again after it was cut off, it goes on where it stopped."""
    from rich.progress import Progress as Bars

    from service.access.audit import Act, AuditEntry, on_record, operator
    from service.events.history import HistoryError, read_history
    from service.store.engine import opened_log

    settings = Settings()
    plan, note = _plan(settings), settings.var / "imports" / f"{path.name}.json"
    with opened_log(settings.log_url) as engine, Bars(console=Console(stderr=True)) as bars:
        entry = AuditEntry(at=datetime.now(UTC), actor=operator(), act=Act.EVENTS_IMPORTED, subject="log")
        try:
            with on_record(engine, entry) as detail:
                bar, done = bars.add_task(path.name, total=path.stat().st_size), None
                for done in read_history(engine, path, note, plan=plan, clock=lambda: datetime.now(UTC)):
                    bars.update(bar, completed=done.offset)
                    detail.update(lines=done.lines, taken=done.taken)
        except (HistoryError, OSError) as error:
            raise _refusal(error) from None
    if done is None:
        Console().print(f"nothing new in {path.name}; {note} says how far it was taken in", soft_wrap=True)
        return
    said = f"{done.lines:,} lines: {done.taken:,} taken in, {done.known:,} known already, {done.kept_aside:,} kept aside"
    Console().print(said, highlight=False, soft_wrap=True)


@events_app.command("retake")
def retake() -> None:
    """Take in again what was kept aside and can be used now; the rest stays, with the reason it has now."""
    from service.access.audit import Act, AuditEntry, on_record, operator
    from service.events.retaking import take_in_again
    from service.store.engine import opened_log

    settings = Settings()
    plan = _plan(settings)
    with opened_log(settings.log_url) as engine:
        entry = AuditEntry(at=datetime.now(UTC), actor=operator(), act=Act.EVENTS_RETAKEN, subject="log")
        with on_record(engine, entry) as detail:
            done = take_in_again(engine, plan)
            detail.update(taken=done.taken, known=done.known, left=done.left)
    said = f"{done.taken:,} taken in, {done.known:,} known already, {done.left:,} still kept aside"
    Console().print(said, highlight=False)


def _plan(settings: Settings) -> TrackingPlan:
    try:
        return load_plan(settings.tracking_plan)
    except PlanError as error:
        raise _refusal(error) from None


def _refusal(error: Exception) -> typer.Exit:
    """The end of a command that cannot be carried out, told on standard error."""
    Console(stderr=True).print(f"[red]{error}[/red]", soft_wrap=True)
    return typer.Exit(2)
