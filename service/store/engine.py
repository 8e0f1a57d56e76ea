"""The database behind the log."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from service.store.migration import settle_schema

_SCHEMA_LOCK = 7_305_417
PATIENCE = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Seconds, the last milliseconds: a server that is cut off is an error soon, not a request that waits for minutes."""
_KEPT_OPEN: Final = 8
"""Connections that a process keeps once it had use for them: opening one takes as long as tens of readings."""
_AT_MOST: Final = 32
"""As many as a process may have threads that wait for the log."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_log(url: str) -> Engine:
    """The engine of a log, its tables made where there are none.

    SQLite runs in WAL mode with synchronous=FULL: what is committed survives a power cut.
    Raises: `SchemaError` when the log's schema is older or newer than this Gardoon works on.
    """
    engine = connect_log(url)
    try:
        with alone(engine) as connection:
            settle_schema(connection, now=datetime.now(UTC))
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect_log(url: str) -> Engine:
    """The engine of a log, whatever is in it."""
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    settings: dict[str, Any] = {"hide_parameters": True}  # an error's words may be logged, customers may not
    if url.startswith("postgresql"):
        settings |= {
            "connect_args": PATIENCE,
            "pool_size": _KEPT_OPEN,
            "max_overflow": _AT_MOST - _KEPT_OPEN,
            "pool_use_lifo": True,  # the one used last has its statements prepared and its server's memory warm
        }
    engine = create_engine(url, **settings)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


@contextmanager
def opened_log(url: str) -> Iterator[Engine]:
    """The engine of a log, as long as the block lasts."""
    engine = open_log(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which this process is the only one to change the schema: workers may start at the same moment.

    On SQLite by a lock on a file beside the database, which does not wait for a change to WAL mode either.
    """
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        database.parent.mkdir(parents=True, exist_ok=True)
        with database.with_name(f"{database.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    "BEGIN IMMEDIATE"
                )  # the driver begins none for a change of the schema
                yield connection
        return
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        yield connection


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def insert_into(engine: Engine, table: Table) -> Any:
    """An insert of the database's own kind: one that can say what happens on a conflict."""
    return {"sqlite": sqlite, "postgresql": postgresql}[engine.dialect.name].insert(table)


def insert_or_ignore(engine: Engine, table: Table) -> Any:
    """An insert that leaves an existing row of the same key as it is.

    Whether it added one is told by `returning` a column, not by `rowcount`, which PostgreSQL's driver leaves at -1.
    """
    return insert_into(engine, table).on_conflict_do_nothing()


def upsert(engine: Engine, table: Table, row: dict[str, Any]) -> Any:
    """An insert of one row that replaces an existing one of the same key."""
    keys = [column.name for column in table.primary_key]
    values = {name: value for name, value in row.items() if name not in keys}
    return insert_into(engine, table).values(row).on_conflict_do_update(index_elements=keys, set_=values)


def microseconds(moment: datetime) -> int:
    """An aware moment as the log stores it.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(microseconds_: int) -> datetime:
    """A stored time as an aware UTC moment."""
    return _EPOCH + timedelta(microseconds=microseconds_)
