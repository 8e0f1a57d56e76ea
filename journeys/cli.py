"""The commands of the journeys: `python -m journeys COMMAND`."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from journeys.definition_files import SHIPPED, DefinitionError, load_journeys

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Definitions = Annotated[Path, typer.Option(help="Folder of definitions, a YAML file a journey.")]
Events = Annotated[Path, typer.Option(help="File of events that grows, a message a line (docs/events.md).")]
Service = Annotated[str, typer.Option(help="Address of Gardoon.")]
ApiKey = Annotated[
    str, typer.Option(envvar="GARDOON_API_KEY", help="Key with the scopes decide and outcomes.")
]
Database = Annotated[str, typer.Option(envvar="GARDOON_JOURNEYS_DATABASE_URL", help="SQLite or PostgreSQL.")]
ChannelFile = Annotated[
    Path | None, typer.Option(help="Apprise addresses by channel; without, messages are printed.")
]
Executor = Annotated[str, typer.Option(help="This process's name, of several that share a database.")]


@app.callback()
def main() -> None:
    """Run the reference journeys against Gardoon."""


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="Folder of definitions.")] = SHIPPED) -> None:
    """Read definitions and say what is wrong with them."""
    try:
        journeys = load_journeys(folder)
    except DefinitionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{len(journeys)} journeys are right: {', '.join(journeys)}")


@app.command()
def run(
    events: Events,
    service: Service = "http://127.0.0.1:8000",
    api_key: ApiKey = "",
    database: Database = "sqlite:///var/journeys.db",
    channels: ChannelFile = None,
    definitions: Definitions = SHIPPED,
    executor: Executor = "local",
) -> None:
    """Take events, wait, ask Gardoon and send, until Ctrl-C; started again, go on where it was."""
    from gardoon_client import Client
    from journeys.feed import Feed
    from journeys.runner import Runner, launch
    from journeys.sending import Printing, load_channels
    from journeys.store import Store
    from journeys.tables import open_tables

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    store = Store(open_tables(database), load_journeys(definitions))
    sender = Printing() if channels is None else load_channels(channels)
    client = Client(service, api_key=api_key or None)
    runner = Runner(store=store, client=client, sender=sender, clock=lambda: datetime.now(UTC))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    launch(database, executor)
    typer.echo("running; Ctrl-C stops it")
    runner.work_until(stop, Feed(events, store).read)
