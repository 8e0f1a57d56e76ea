"""The engines that run the definitions: DuckDB, and Spark on this machine or a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend

from features.quiet import quiet_ibis

EngineName = Literal["duckdb", "spark"]
BATCH_ROWS: Final = 50_000


class EngineError(RuntimeError):
    """An engine that cannot be started; the message says what it lacks."""


class Engine(Protocol):
    """Ibis on an engine, and how results of any size come from it."""

    @property
    def backend(self) -> BaseBackend:
        """What reads Parquet files and runs small queries."""

    def batches(self, rows: ir.Table) -> Iterator[pa.RecordBatch]:
        """The rows in their order."""

    def kept(self, rows: ir.Table) -> AbstractContextManager[ir.Table]:
        """The rows computed once, for several questions."""


@dataclass(frozen=True)
class DuckdbEngine:
    """DuckDB in this process; a result is in its memory as a whole."""

    backend: Backend

    def batches(self, rows: ir.Table) -> Iterator[pa.RecordBatch]:
        """The rows in their order."""
        yield from self.backend.to_pyarrow(rows).to_batches(max_chunksize=BATCH_ROWS)

    @contextmanager
    def kept(self, rows: ir.Table) -> Iterator[ir.Table]:
        """The rows computed once. Not by Ibis's `cache`, whose end DuckDB 2 holds to be a syntax error."""
        name = f"kept_{uuid4().hex}"
        yield self.backend.create_table(name, rows, temp=True)


@contextmanager
def open_engine(name: EngineName, *, work: Path, spark_master: str = "") -> Iterator[Engine]:
    """The engine of that name; Spark writes its results to `work` on their way. Raises `EngineError`.

    spark_master: the cluster's address; without one what spark-submit or Spark's own settings name, or else this machine.
    """
    if name == "spark":
        from features.spark_engine import open_spark  # an import of seconds, and not installed everywhere

        with open_spark(work, master=spark_master) as spark:
            yield spark
    else:
        with duckdb_engine() as duckdb:
            yield duckdb


@contextmanager
def duckdb_engine() -> Iterator[DuckdbEngine]:
    """A DuckDB in memory on every core: results do not depend on how many there are, for only whole numbers are summed."""
    with duckdb_backend(threads=os.cpu_count() or 1) as backend:
        yield DuckdbEngine(backend)


@contextmanager
def duckdb_backend(*, threads: int = 1) -> Iterator[Backend]:
    """A DuckDB in memory on so many threads, in UTC, closed at the end."""
    backend = ibis.duckdb.connect(threads=threads)
    try:
        backend.raw_sql("SET TimeZone = 'UTC'")
        with quiet_ibis():
            yield backend
    finally:
        backend.disconnect()
