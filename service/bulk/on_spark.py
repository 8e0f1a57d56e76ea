"""A run's parts on Spark: each task does what a local process does, reading features and the log by itself.

The folder of the run, and what the settings name, has to be where every executor finds it, and this package installed there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.spark_engine import reason_of
from service.bulk.processes import PartFailedError, decide_share
from service.bulk.run import RunError
from service.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def open_session(master: str, processes: int) -> Any:
    """Spark at that address; with none, the one that spark-submit names or so many processes on this machine.

    Raises: `RunError` where Spark is not installed or does not start.
    """
    try:
        from pyspark import SparkConf
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise RunError(
            "Spark is not installed here: `pip install 'pyspark>=4.0,<4.1'`, and Java 17"
        ) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else whatever python3 is on the path
    submitted = SparkConf().get("spark.master", None)
    settings: dict[str, bool | float | int | str | None] = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.appName("gardoon decide-batch").config(map=settings)
    try:
        return builder.master(master or submitted or f"local[{processes}]").getOrCreate()
    except Exception as error:  # without Java one of Spark's own kinds, with a wrong address Java's
        raise RunError(f"Spark does not start, which needs Java 17: {reason_of(error)}") from error


def decide_on_spark(session: Any, settings: Settings, folder: Path, parts: Sequence[int]) -> Iterator[int]:
    """How many of the parts are complete, once all are. Raises: `PartFailedError` when a task fails for good."""
    if not parts:
        return
    decide = partial(_decide_each, settings=settings, folder=folder.absolute(), parts=list(parts))
    places = session.range(0, len(parts), 1, len(parts))  # a task a part
    try:
        yield places.mapInArrow(decide, places.schema).count()
    except Exception as error:  # Spark's own kinds wrap whatever happened on an executor
        raise PartFailedError(f"a task of Spark failed: {reason_of(error)}; run again to go on") from error


def _decide_each(
    batches: Iterator[pa.RecordBatch], settings: Settings, folder: Path, parts: Sequence[int]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        decide_share(settings, folder, [parts[place] for place in batch["id"].to_pylist()])
        yield batch
