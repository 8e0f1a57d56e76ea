"""The commands that keep the log: its schema, its size, copies of it, and one customer's part of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from service.settings import Settings


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
    from service.decision_point import load_decision_points
    from service.store.engine import open_log
    from service.store.retention import carry_out, plan_retention

    settings = Settings()
    points = load_decision_points(settings.decision_points).values()
    windows = [point.reward(name).window_hours / 24 for point in points for name in point.decisions]
    least = int(settings.late_outcome_days + max(windows, default=0)) + 1
    days = re.fullmatch(r"(\d+)d?", older_than)
    if days is None or int(days[1]) < least:
        raise _refuse(
            f"--older-than {older_than}: wanted {least}d or more, for so long outcomes may come and count"
        )
    engine, console = open_log(settings.log_url), Console()
    with engine.connect() as connection:
        plan = plan_retention(connection, datetime.now(UTC) - timedelta(days=int(days[1])))
    verb = "would go" if dry_run else "went"
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
    if not dry_run:
        carry_out(engine, plan)
    engine.dispose()


def _refuse(message: str) -> typer.Exit:
    """The end of a command that cannot be carried out, told on standard error."""
    Console(stderr=True).print(f"[red]{message}[/red]", soft_wrap=True)
    return typer.Exit(2)
