"""The commands that keep the log: its schema, its size, copies of it, and one customer's part of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from service.secret_file import read_or_create_secret
from service.settings import Settings

if TYPE_CHECKING:
    from service.access.audit import Act
    from service.store.retention import Plan


def migrate() -> None:
    """Bring the log's schema to the one that this Gardoon works on; data are kept. Make a backup first."""
    from service.store.engine import alone, connect_log
    from service.store.migration import SchemaError, upgrade_schema

    engine = connect_log(Settings().log_url)
    try:
        with alone(engine) as connection:
            before, after = upgrade_schema(connection)
    except SchemaError as error:
        raise _refuse(str(error)) from None
    Console().print(
        f"schema {after}, as before" if before == after else f"schema {before or 'none'} → {after}"
    )


def retain(
    older_than: Annotated[str, typer.Option(help="Age in days: 400d.")],
    dry_run: Annotated[bool, typer.Option(help="Print what would go, and keep it.")] = False,
) -> None:
    """Let go of whole months of decisions that are older, with their outcomes, rewards and unused snapshots."""
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
    out: Annotated[Path, typer.Option(help="Folder of the Parquet files.")],
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; the log's first.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after the last; today.")
    ] = None,
) -> None:
    """Write the log as Parquet, a file a day: decisions with rounds, rewards, outcomes. Goes on where it stopped."""
    from service.access.audit import Act, AuditEntry, operator, record_act
    from service.store.engine import opened_log
    from service.store.parquet_export import export_days

    settings, console, now = Settings(), Console(), datetime.now(UTC)
    closes_after = timedelta(days=settings.late_outcome_days) + _longest_window(settings)
    first, last = since.date() if since else None, until.date() if until else now.date()
    days = 0
    with opened_log(settings.log_url) as engine:
        with engine.connect() as connection:
            for day in export_days(connection, out, since=first, until=last, closes_after=closes_after):
                rows = ", ".join(f"{count:,} {name}" for name, count in day.rows.items())
                console.print(f"{day.day}: {rows}{'' if day.closed else ' (still open)'}", highlight=False)
                days += 1
        with engine.begin() as connection:
            detail: dict[str, str | int] = {"days": days, "until": str(last)}
            entry = AuditEntry(at=now, actor=operator(), act=Act.LOG_EXPORTED, subject="log", detail=detail)
            record_act(connection, entry)
    console.print(f"{days} days written to {out}", highlight=False)


def export(customer_id: Annotated[str, typer.Argument(help="The customer's id.")]) -> None:
    """Print everything held of one customer as JSON lines: each row of the log, then the features in the online store."""
    from service.access.audit import Act
    from service.app import open_reader
    from service.store.customer_data import read_customer
    from service.store.engine import opened_log

    settings = Settings()
    stored = open_reader(settings).read(customer_id)
    with opened_log(settings.log_url) as engine, engine.begin() as connection:
        rows = 0
        for table, row in read_customer(connection, customer_id):
            typer.echo(json.dumps({"table": table, "row": row}, ensure_ascii=False))
            rows += 1
        for name, view in stored.views.items():
            features = {"view": name, "event_at": view.event_at.isoformat(), "values": dict(view.values)}
            typer.echo(json.dumps({"features": features}, ensure_ascii=False))
        _note(connection, settings, Act.CUSTOMER_EXPORTED, customer_id, {"rows": rows})


def forget(
    customer_id: Annotated[str, typer.Argument(help="The customer's id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove one customer from the log for good; rounds and rewards stay, without a name. The online store has its own."""
    from service.access.audit import Act
    from service.store.engine import opened_log
    from service.store.erasure import ScrubError, forget_customer, scrub

    if not yes:
        typer.confirm("There is no way back. Forget this customer?", abort=True)
    settings, console = Settings(), Console()
    with opened_log(settings.log_url) as engine:
        with engine.begin() as connection:
            erasure = forget_customer(
                connection, customer_id, randomness=os.urandom(16), now=datetime.now(UTC)
            )
            if erasure is not None:
                _note(connection, settings, Act.CUSTOMER_ERASED, customer_id, erasure.rows)
        try:
            scrub(engine)  # also where nothing is held: an earlier command may have ended before it
        except ScrubError as error:
            raise _refuse(f"{error}; stop what reads it and run this again") from error
    if erasure is None:
        raise _refuse("the log holds nothing of this customer")
    changed = ", ".join(f"{rows} {name}" for name, rows in erasure.rows.items())
    console.print(f"forgotten, {erasure.pseudonym} stands in: {changed}", highlight=False, soft_wrap=True)
    console.print(
        "Not in the log, so to be removed where they are: features in the online store, their source, backups"
    )


def _note(
    connection: Connection, settings: Settings, act: Act, customer_id: str, rows: Mapping[str, int]
) -> None:
    """Put the act on record, the customer named by a keyed hash alone."""
    from service.access.audit import AuditEntry, customer_subject, operator, record_act

    subject = customer_subject(customer_id, read_or_create_secret(settings.audit_key_path))
    at = datetime.now(UTC)
    record_act(connection, AuditEntry(at=at, actor=operator(), act=act, subject=subject, detail=dict(rows)))


def _longest_window(settings: Settings) -> timedelta:
    """The longest time after a decision in which what is counted may happen: the latest send, then the reward's window."""
    from service.decision_point import load_decision_points

    points = load_decision_points(settings.decision_points).values()
    windows = [point.reward(name).window_hours for point in points for name in point.decisions]
    return timedelta(hours=max(windows, default=0.0)) + timedelta(days=1)


def _refuse(message: str) -> typer.Exit:
    """The end of a command that cannot be carried out, told on standard error."""
    Console(stderr=True).print(f"[red]{message}[/red]", soft_wrap=True)
    return typer.Exit(2)
