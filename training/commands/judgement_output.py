"""Where a judgement goes: the terminal, an HTML file, a run in MLflow."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from training.evaluation.html_report import Heading
    from training.evaluation.judgement import Judgement
    from training.places import Places

_WIDTH: Final = 160
_PATIENCE: Final = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""MLflow's own retries go on for minutes."""


def print_judgement(found: Judgement, heading: Heading) -> None:
    """The tables and the verdict, to the terminal."""
    from rich.console import Console

    Console().print(_tables(found, heading))


def report_path(var: Path, heading: Heading, now: datetime) -> Path:
    """A new file in `var/reports`, named after what was judged and when."""
    name = re.sub(r"[^\w.-]+", "-", f"{Path(heading.policy).name} on {heading.log}").strip("-")[-100:]
    return var / "reports" / f"{now:%Y%m%dT%H%M%S}-{name}.html"


def write_page(found: Judgement, heading: Heading, path: Path) -> str:
    """The HTML report, written to the path, which is printed."""
    from training.evaluation.html_report import write_html

    page = write_html(found, heading)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    typer.echo(f"report: {path}")
    return page


def record_run(found: Judgement, heading: Heading, places: Places, page: str) -> None:
    """Keep the judgement as a run in MLflow, whose id is printed. Leaves with exit code 1 when it cannot be kept."""
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)  # MLflow has no other place for it
    import io

    from mlflow.exceptions import MlflowException
    from rich.console import Console

    from training.code_version import git_commit, source_digest
    from training.evaluation.run_record import record_of
    from training.registry import open_registry

    console = Console(file=io.StringIO(), width=_WIDTH)
    console.print(_tables(found, heading))
    tags = {"git_commit": git_commit(), "source_digest": source_digest()}
    table = console.file.getvalue()  # type: ignore[attr-defined]
    record = record_of(found, heading.about, tags, table=table, page=page)
    try:
        registry = open_registry(places)
        with registry.run(f"evaluate {heading.policy} on {heading.log}") as run_id:
            registry.log(run_id, record)
    except (MlflowException, OSError) as error:
        typer.echo(
            f"not kept: MLflow at {places.registry_uri} cannot be written ({_first_line(error)}); --no-log does without",
            err=True,
        )
        raise typer.Exit(1) from error
    typer.echo(f"MLflow run: {run_id}")


def cost_note(n_rows: int, rows: str, seconds: float) -> str:
    """What reading so many rows of a log took, in words."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{n_rows:,} {rows} in {seconds:.0f} s, peak memory {peak:,.0f} MB"


def _tables(found: Judgement, heading: Heading) -> RenderableType:
    from rich.console import Group

    from training.evaluation.report import render, render_differences, render_slices

    notes = heading.notes
    if found.bernstein is not None:
        low, high = found.bernstein
        said = f"{low:.4g} to {high:.4g}, {found.level:.0%} or more"
        notes = (f"without assuming normality (empirical Bernstein, ips): {said}", *notes)
    if found.n_resamples:
        notes = (f"intervals from {found.n_resamples:,} resamples of the rounds", *notes)
    parts = [render(found.evaluation, f"{heading.policy} on {heading.log}", notes)]
    if found.slices:
        parts.append(render_slices(found.slices))
    if found.differences:
        parts.append(render_differences(found.differences, heading.policy, heading.against))
    return Group(*parts)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
