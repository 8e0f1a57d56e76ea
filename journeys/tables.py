"""What the runner keeps, in SQLite or PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
)

METADATA = MetaData()

RUN = Table(
    "journey_run",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("journey", String(64), nullable=False),
    Column("customer_id", String(128), nullable=False),
    Column("key", String(128), nullable=False),
    Column("entered_at", Float, nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("ended_at", Float),
    Column("due_at", Float),
    Column("state", Text, nullable=False),
    Index("journey_run_customer", "customer_id", "journey"),
    Index("journey_run_key", "journey", "key"),
    Index("journey_run_due", "due_at"),
    Index("journey_run_ended", "ended_at"),
)
"""Runs; times are seconds since 1970, to search by, and `state` has all of the run."""

EVENT = Table(
    "journey_event", METADATA, Column("id", String(128), primary_key=True), Column("at", Float, index=True)
)
"""Events that were taken, and when they happened."""

TRAIT = Table(
    "journey_trait",
    METADATA,
    Column("customer_id", String(128), primary_key=True),
    Column("traits", Text, nullable=False),
)
"""What was told of customers: where messages to them go."""

OUTBOX = Table(
    "journey_outbox",
    METADATA,
    Column("action", String(64), primary_key=True),
    Column("run_id", String(36), nullable=False),
    Column("command", Text, nullable=False),
)
"""Commands that no workflow has begun with."""

SENDING = Table(
    "journey_sending",
    METADATA,
    Column("action", String(64), primary_key=True),
    Column("status", String(16)),
)
"""Messages that were begun to be sent; without a status, nobody knows whether they went out."""

POSITION = Table(
    "journey_position",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)
"""How far files of events were read."""


def open_tables(url: str) -> Engine:
    """An engine whose transactions begin by writing, with the tables made where they are not there."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_begin_to_us)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    METADATA.create_all(engine)
    _bring_forward(engine)
    return engine


def _bring_forward(engine: Engine) -> None:
    """Add what tables made by earlier versions lack: columns that rows of that time leave empty."""
    for table in METADATA.sorted_tables:
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
        with engine.begin() as connection:
            for column in table.columns:
                if column.name not in there:
                    kind = column.type.compile(engine.dialect)
                    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
            for index in table.indexes:
                index.create(connection, checkfirst=True)


def _leave_begin_to_us(connection: object, _: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()
