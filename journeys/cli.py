"""The commands of the journeys: `python -m journeys COMMAND`."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import UTC, datetime, timedelta
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
KeepDays = Annotated[int, typer.Option(help="How long what is over is kept.", min=1)]
AliveFile = Annotated[
    Path | None, typer.Option(help="Touched in each turn; an old one says that it is stuck.")
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
    keep_days: KeepDays = 90,
    alive_file: AliveFile = None,
) -> None:
    """Take events, wait, ask Gardoon and send, until Ctrl-C; started again, go on where it was."""
    from dbos import DBOSClient

    from gardoon_client import Client
    from journeys.clean_up import HourlyCleanUp
    from journeys.feed import Feed
    from journeys.runner import Runner, launch, workflow_url
    from journeys.sending import Printing, load_channels
    from journeys.store import Store
    from journeys.tables import open_tables

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    store = Store(open_tables(database), load_journeys(definitions))
    sender = Printing() if channels is None else load_channels(channels)
    client = Client(service, api_key=api_key or None)
    runner = Runner(store=store, client=client, sender=sender, clock=utc_now)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    launch(database, executor)
    typer.echo("running; Ctrl-C stops it")
    workflows = DBOSClient(system_database_url=workflow_url(database))
    tidy = HourlyCleanUp(store, workflows, clock=utc_now, keep=timedelta(days=keep_days))
    runner.work_until(stop, Feed(events, store, utc_now).read, tidy, alive_file)


@app.command("clean-up")
def clean_up_now(
    database: Database = "sqlite:///var/journeys.db",
    definitions: Definitions = SHIPPED,
    keep_days: KeepDays = 90,
) -> None:
    """Let go at once of what ended long ago; `run` does it every hour."""
    from dbos import DBOSClient
    from sqlalchemy.exc import DBAPIError

    from journeys.clean_up import clean_up
    from journeys.runner import workflow_url
    from journeys.store import Store
    from journeys.tables import open_tables

    store = Store(open_tables(database), load_journeys(definitions))
    workflows = DBOSClient(system_database_url=workflow_url(database))
    try:
        found = clean_up(store, workflows, now=utc_now(), keep=timedelta(days=keep_days))
    except DBAPIError as error:
        typer.echo(f"{database}: {error.orig}; wanted a database that a runner has used", err=True)
        raise typer.Exit(1) from error
    finally:
        workflows.destroy()
        store.engine.dispose()
    typer.echo(str(found))


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
