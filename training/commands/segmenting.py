"""`segments`, `segment`, `overlap`, `rfm-edges`: who of the whole base belongs where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import (
    DECISION_POINTS,
    SEGMENTS,
    VAR,
    DecisionPoints,
    EngineChoice,
    SparkMaster,
    Var,
    chosen_engine,
    parse_time,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from features.engine import Engine
    from features.segment import Segment
    from training.segment_base import SegmentBase, Views

app = typer.Typer()

SHOWN = 5
AsOf = Annotated[
    str,
    typer.Option(
        help="ISO 8601 time, UTC unless it says so: works the features out at that moment from the data set. By default "
        "the newest snapshot, which is what is served.",
    ),
]
Dataset = Annotated[str, typer.Option(help="Name of the data set that --as-of reads.")]
DATASET = "complete-journey"


@app.command()
def segments(
    as_of: AsOf = "",
    dataset: Dataset = DATASET,
    engine: EngineChoice = "duckdb",
    spark_master: SparkMaster = "",
    points: DecisionPoints = DECISION_POINTS,
    var: Var = VAR,
) -> None:
    """Name every segment with its size over the whole base."""
    chosen = chosen_engine(engine, spark_master, var)
    with _opened(points, as_of, dataset, var, chosen) as (declared, base, moment):
        n_customers, sizes = base.count(), base.sizes()
    typer.echo(f"{n_customers:,} customers as of {moment.isoformat()}")
    for name, segment in declared.items():
        typer.echo(
            f"{name:<24} {sizes[name]:>12,} {_share(sizes[name], n_customers):>7}  {segment.description}"
        )


@app.command()
def segment(
    name: Annotated[str, typer.Argument(help="The segment's name.")],
    list_to: Annotated[
        Path | None, typer.Option("--list", help="A .csv or .parquet file to write the audience to.")
    ] = None,
    as_of: AsOf = "",
    dataset: Dataset = DATASET,
    engine: EngineChoice = "duckdb",
    spark_master: SparkMaster = "",
    points: DecisionPoints = DECISION_POINTS,
    var: Var = VAR,
) -> None:
    """Show one segment: its definition, its size, its first customers; all of them in a file with --list."""
    chosen = chosen_engine(engine, spark_master, var)
    with _opened(points, as_of, dataset, var, chosen) as (declared, base, moment):
        shown = base.first(name, SHOWN)
        n_customers, size = base.count(), base.sizes()[name]
        if list_to is not None:
            base.write_list(name, list_to)
    typer.echo(_definition(declared[name]))
    typer.echo(
        f"{size:,} of {n_customers:,} customers ({_share(size, n_customers)}) as of {moment.isoformat()}"
    )
    typer.echo(f"written to {list_to}" if list_to else f"such as {', '.join(shown) or 'nobody'}")


@app.command()
def overlap(
    names: Annotated[list[str] | None, typer.Argument(help="Two segments or more; by default all.")] = None,
    as_of: AsOf = "",
    dataset: Dataset = DATASET,
    points: DecisionPoints = DECISION_POINTS,
    var: Var = VAR,
) -> None:
    """Count the customers that two segments share: |A|, |B|, |A and B|, and the share of both in either (Jaccard)."""
    with _opened(points, as_of, dataset, var) as (declared, base, moment):
        pairs = base.overlaps(names or list(declared))
    typer.echo(f"as of {moment.isoformat()}: customers of A, of B, of both, and both / either")
    for pair in pairs:
        jaccard = "-" if pair.jaccard is None else f"{pair.jaccard:.4f}"
        counts = f"{pair.n_one:>12,} {pair.n_other:>12,} {pair.n_both:>12,}"
        typer.echo(f"{pair.one:<24} {pair.other:<24} {counts} {jaccard:>8}")


@app.command("rfm-edges")
def rfm_edges(
    out: Annotated[
        Path | None, typer.Option(help="The file; by default rfm_edges.json beside the segments.")
    ] = None,
    as_of: AsOf = "",
    dataset: Dataset = DATASET,
    points: DecisionPoints = DECISION_POINTS,
    var: Var = VAR,
) -> None:
    """Keep the edges of RFM scores over the base, so that one customer online is scored as the base was."""
    from features.rfm_score import EDGES_FILE, FEATURE
    from training.segment_base import rfm_edges

    with _refusing():
        moment, views = _views(as_of, dataset, var)
        edges = rfm_edges(views, moment)
    path = out or points / SEGMENTS / EDGES_FILE
    edges.write(path)
    typer.echo(
        f"edges of {edges.n_customers:,} customers as of {moment.isoformat()}, digest {edges.digest[:12]}"
    )
    for part, feature in FEATURE.items():
        typer.echo(f"{part:<10} {feature:<13} {'  '.join(f'{edge:,.4f}' for edge in edges.of_part(part))}")


@contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be told is said and ends the command with code 2."""
    from features.declared import DeclarationError
    from features.engine import EngineError
    from features.membership import SegmentError

    try:
        yield
    except (DeclarationError, EngineError, SegmentError, FileNotFoundError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error


@contextmanager
def _opened(
    points: Path,
    as_of: str,
    dataset: str,
    var: Path,
    engine: AbstractContextManager[Engine] | None = None,
) -> Iterator[tuple[dict[str, Segment], SegmentBase, datetime]]:
    """The declared segments, the base and its moment."""
    from features.schema import load_schema
    from features.segment_files import load_segments
    from training.segment_base import open_base

    with _refusing():
        declared = load_segments(points / SEGMENTS, load_schema())
        moment, views = _views(as_of, dataset, var)
        with open_base(views, declared, engine=engine) as base:
            yield declared, base, moment


def _views(as_of: str, dataset: str, var: Path) -> tuple[datetime, Views]:
    from training.importing.dataset import dataset_folder
    from training.places import Places
    from training.segment_base import computed_views, newest_snapshot, snapshot_views

    if as_of:
        moment = parse_time(as_of)
        return moment, computed_views(dataset_folder(var, dataset), moment)
    snapshots = Places(var=var).snapshots
    moment = newest_snapshot(snapshots)
    return moment, snapshot_views(snapshots, moment)


def _share(size: int, of: int) -> str:
    return f"{size / of:.1%}" if of else "-"


def _definition(segment: Segment) -> str:
    import yaml

    declared = segment.model_dump(mode="json", exclude_none=True)
    text: str = yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=120)
    return text.rstrip()
