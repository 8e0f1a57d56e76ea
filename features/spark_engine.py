"""Spark: the same definitions over as many machines as there are.

Spark reads the Parquet tables and writes its results by itself, every executor its part; this process then passes the parts
on, a batch at a time, and holds no more than one. On a cluster all have to see the data's folder under the same path.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from features.engine import BATCH_ROWS, EngineError

if TYPE_CHECKING:
    from ibis.backends.pyspark import Backend
    from pyspark.sql import SparkSession

SETTINGS: Final = {
    "spark.app.name": "gardoon",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
LOCAL: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
}
"""On one machine: no web page, and not the 200 parts that a cluster's shuffles are made for."""


@dataclass(frozen=True)
class SparkEngine:
    """A Spark session; `work` is the folder that results pass through."""

    backend: Backend
    work: Path

    def batches(self, rows: ir.Table) -> Iterator[pa.RecordBatch]:
        """The rows in their order. The parts of a sorted result are its ranges, and their files' names are in its order."""
        self.work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            parts = Path(folder).absolute() / "parts"
            self.backend.to_parquet(rows, parts)
            for part in sorted(parts.glob("part-*.parquet")):
                with pq.ParquetFile(part) as file:
                    yield from file.iter_batches(batch_size=BATCH_ROWS)

    @contextmanager
    def kept(self, rows: ir.Table) -> Iterator[ir.Table]:
        """The rows computed once, by the executors, who keep them until the end."""
        with rows.cache() as cached:
            yield cached


@contextmanager
def open_spark(work: Path, *, master: str = "") -> Iterator[SparkEngine]:
    """Spark at `master`, or where its own settings say, or on this machine; a session that was open already stays open.

    Raises `EngineError` where pyspark or Java is missing, or Spark does not start.
    """
    try:
        from pyspark import SparkConf
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineError(
            "the engine spark needs pyspark, which is not installed: uv pip install 'pyspark>=4.0,<4.1'"
        ) from error
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise EngineError("the engine spark needs Java 17 or newer: no java in PATH, no JAVA_HOME")
    before = SparkSession.getActiveSession()
    where = master or SparkConf().get("spark.master") or "local[*]"
    session = before or _started(SparkSession.builder.master(where), where)
    try:
        yield SparkEngine(ibis.pyspark.connect(session), work)
    finally:
        if before is None:
            session.stop()


def _started(builder: SparkSession.Builder, master: str) -> SparkSession:
    settings: dict[str, Any] = {**SETTINGS, **(LOCAL if master.startswith("local") else {})}
    try:
        return builder.config(map=settings).getOrCreate()
    except Exception as error:  # with a wrong JAVA_HOME one of Spark's own kinds, with a wrong address Java's
        raise EngineError(
            f"Spark does not start at {master}, which needs Java 17: {reason_of(error)}"
        ) from error


def reason_of(error: Exception) -> str:
    """What went wrong in Python, of all that Spark tells."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith(("\t", " "))]
    return next((line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)), lines[0])
