"""`complements`, `compare-complements`: what goes with what, learnt from baskets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from training.commands.options import VAR, TrackingUri, Var

app = typer.Typer()

Dataset = Annotated[str, typer.Option(help="Name of the data set; it needs order lines.")]
NotOffered = Annotated[
    list[str],
    typer.Option(
        "--not-offered",
        help="A category whose lines are no product of a basket, such as vouchers; may repeat. By default those that are "
        "known of the data set.",
    ),
]


@app.command()
def complements(
    dataset: Dataset = "complete-journey",
    not_offered: NotOffered = [],  # noqa: B006 - Typer copies it
    tracking_uri: TrackingUri = "",
    var: Var = VAR,
) -> None:
    """Find what is bought together, judge it on the last two months, and register it: champion if it beats popularity."""
    from training.complements.publish import fit_complements, publish_complements
    from training.places import Places

    places = Places(var=var, tracking_uri=tracking_uri)
    with _refusing():
        fitted = fit_complements(places, dataset, _categories(dataset, not_offered))
    typer.echo(fitted.describe())
    typer.echo(f"complements: {publish_complements(places, fitted)}")


@app.command("compare-complements")
def compare_complements(
    dataset: Dataset = "complete-journey",
    not_offered: NotOffered = [],  # noqa: B006 - Typer copies it
    n_carts: Annotated[int, typer.Option("--carts", help="Carts of each period.", min=100)] = 8_000,
    var: Var = VAR,
) -> None:
    """Print the hit rate@10 of every formula beside popularity, as docs/complements.md has it; registers nothing."""
    from training.complements.baskets import read_baskets
    from training.complements.report import compare, table_of
    from training.importing.dataset import dataset_folder, read_manifest

    folder = dataset_folder(var, dataset)
    with _refusing():
        read_manifest(folder)
        baskets = read_baskets(folder, not_offered=_categories(dataset, not_offered))
        typer.echo(table_of(list(compare(baskets, n_carts))))


def _categories(dataset: str, given: list[str]) -> tuple[str, ...]:
    from training.complements.baskets import NOT_OFFERED

    return tuple(given) or NOT_OFFERED.get(dataset, ())


@contextmanager
def _refusing() -> Iterator[None]:
    """Data that cannot be used are named, and the command ends with code 2."""
    from training.complements.judge import TooFewCartsError
    from training.importing.dataset import DatasetError

    try:
        yield
    except (DatasetError, TooFewCartsError) as error:
        typer.echo(f"refused: {error}", err=True)
        raise typer.Exit(2) from error
