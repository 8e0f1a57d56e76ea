"""The commands that keep the log: its schema, its size, copies of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import OperationalError

from service.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.access.audit import Act, AuditEntry
    from service.store.export_place import ExportPlace
    from service.store.retention import Plan


def migrate() -> None:
    """Bring the log's schema to the one that this Gardoon works on; data are kept. Make a backup first."""
    from service.access.audit import Act, record_act
    from service.store.engine import alone, connect_log
    from service.store.migration import SchemaError, upgrade_schema

    engine = connect_log(Settings().log_url)
    try:
        with alone(engine) as connection:
            before, after = upgrade_schema(connection)
            detail = {"before": before or "none", "after": after}
            record_act(connection, _entry(Act.LOG_MIGRATED, detail))
    except SchemaError as error:
        raise _refuse(str(error)) from None
    finally:
        engine.dispose()
    Console().print(
        f"schema {after}, as before" if before == after else f"schema {before or 'none'} → {after}"
    )


def retain(
    older_than: Annotated[str, typer.Option(help="Age in days: 400d.")],
    dry_run: Annotated[bool, typer.Option(help="Print what would go, and keep it.")] = False,
) -> None:
    """Let go of whole months of decisions that are older, with all that hangs on them, unused snapshots and old events."""
    from service.access.audit import Act, on_record
    from service.store.engine import opened_log
    from service.store.retention import carry_out, plan_retention

    settings = Settings()
    least = int(settings.late_outcome_days + _longest_window(settings) / timedelta(days=1)) + 1
    days = re.fullmatch(r"(\d+)d?", older_than)
    if days is None or int(days[1]) < least:
        raise _refuse(
            f"--older-than {older_than}: wanted {least}d or more, for so long outcomes may come and count"
        )
    with opened_log(settings.log_url) as engine:
        with engine.connect() as connection:
            plan = plan_retention(connection, datetime.now(UTC) - timedelta(days=int(days[1])))
        _tell(plan, "would go" if dry_run else "went")
        try:
            if not dry_run:
                detail: dict[str, str | int] = {"before": f"{plan.month:%Y-%m-%d}", **plan.rows}
                with on_record(engine, _entry(Act.LOG_RETAINED, detail)):
                    carry_out(engine, plan)
        except OperationalError as error:
            raise _refuse(
                f"not finished, something else reads the decisions for long; try again: {error.orig}"
            ) from None


def _tell(plan: Plan, verb: str) -> None:
    console = Console()
    console.print(
        f"decisions made before {plan.month:%Y-%m-%d}" + (f", kept by {plan.kept_by}" if plan.kept_by else "")
    )
    for name, rows in plan.rows.items():
        console.print(f"{rows:>12,} {name} {verb}", highlight=False)
    console.print(
        f"{len(plan.snapshots):>12,} snapshots and {len(plan.artifacts):,} artifacts {verb}", highlight=False
    )
    if plan.parts:
        console.print(
            f"{'':>12} parts dropped whole: {', '.join(plan.parts)}", highlight=False, soft_wrap=True
        )


def export_log(
    out: Annotated[str, typer.Option(help="Folder of the Parquet files, or s3://BUCKET/PREFIX.")],
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; the log's first.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after the last; today.")
    ] = None,
) -> None:
    """Write the log as Parquet, a file a day: decisions with rounds, rewards, outcomes; events. Goes on where it stopped."""
    from service.access.audit import Act, on_record
    from service.store.engine import opened_log
    from service.store.export_place import open_place

    settings, now = Settings(), datetime.now(UTC)
    first, last = since.date() if since else None, until.date() if until else now.date()
    days: set[str] = set()
    with opened_log(settings.log_url) as engine:
        entry = _entry(Act.LOG_EXPORTED, {"until": str(last)})
        try:
            with on_record(engine, entry) as detail, engine.connect() as connection, open_place(out) as place:
                for day, said in _export(connection, place, settings, (first, last, now)):
                    Console().print(f"{day}: {said}", highlight=False)
                    days.add(day)
                    detail["days"] = len(days)
        except OSError as error:
            raise _refuse(f"the export cannot be written to {out}: {error}") from error
    Console().print(f"{len(days)} days written to {out}", highlight=False, soft_wrap=True)


def _export(
    connection: Connection,
    place: ExportPlace,
    settings: Settings,
    span: tuple[date | None, date, datetime],
) -> Iterator[tuple[str, str]]:
    """Each day and what was written of it, once it is where it belongs; span: first day, the one after the last, now."""
    from service.store.event_export import export_events
    from service.store.parquet_export import export_days

    since, until, now = span
    closes_after = timedelta(days=settings.late_outcome_days) + _longest_window(settings)
    for day in export_days(connection, place.folder, since=since, until=until, closes_after=closes_after):
        place.publish()
        rows = ", ".join(f"{count:,} {name}" for name, count in day.rows.items())
        yield day.day, f"{rows}{'' if day.closed else ' (still open)'}"
    for told in export_events(connection, place.folder, since=since, until=until, now=now):
        place.publish()
        yield told.day, f"{told.rows:,} events"
    place.publish()


def _entry(act: Act, detail: Mapping[str, str | int]) -> AuditEntry:
    """What the operator does to the log, now."""
    from service.access.audit import AuditEntry, operator

    return AuditEntry(at=datetime.now(UTC), actor=operator(), act=act, subject="log", detail=detail)


def _longest_window(settings: Settings) -> timedelta:
    """The longest time after a decision in which what is counted may happen: the latest send, then the reward's window."""
    from service.point_files import load_decision_points

    points = load_decision_points(settings.decision_points).values()
    windows = [point.reward(name).window_hours for point in points for name in point.decisions]
    return timedelta(hours=max(windows, default=0.0)) + timedelta(days=1)


def _refuse(message: str) -> typer.Exit:
    """The end of a command that cannot be carried out, told on standard error."""
    Console(stderr=True).print(f"[red]{message}[/red]", soft_wrap=True)
    return typer.Exit(2)
