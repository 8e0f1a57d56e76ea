"""The event log as a data set: what the service was told of customers, mapped as the online features map it.

Rows are spooled to disk in parts of whole customers and sorted there, so memory does not grow with the log. With a base, an
earlier data set of history that the log does not have, the rows of both are in it: a same order id in the log wins, and of a
customer what the log was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

from features.tables import TABLES
from training.evaluation.log_name import EXPORT
from training.importing.dataset import (
    DatasetDescription,
    DatasetError,
    DatasetManifest,
    dataset_folder,
    read_manifest,
    write_dataset,
)
from training.importing.rejects import RowCount
from training.importing.told_export import SORT_MEMORY, open_told_export
from training.importing.told_source import ToldSource, parts_of
from training.importing.told_spool import SPOOLED, ToldSpool
from training.importing.told_store import open_told_store
from training.importing.told_table import table_reader

_PREFIX: Final = f"{EXPORT}:"


@dataclass(frozen=True, kw_only=True)
class LogImport:
    """What to make a data set of: the log's database URL or parquet:ADDRESS, and the earlier data set to add to, if any."""

    log: str
    name: str
    currency: str = "IRT"
    base: str | None = None


def import_log(var: Path, wanted: LogImport, now: datetime) -> tuple[DatasetManifest, dict[str, RowCount]]:
    """The manifest of the data set written, and what became of the log's messages and traits.

    Raises DatasetError when there is no customer to write or the base cannot be added to, and LogError for a log that cannot
    be read.
    """
    folder = dataset_folder(var, wanted.name)
    base = None if wanted.base is None else _read_base(var, wanted)
    with ExitStack() as opened:
        source = opened.enter_context(open_source(wanted.log, now))
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(opened.enter_context(TemporaryDirectory(dir=folder.parent, prefix=".log-")))
        with ToldSpool(work, currency=wanted.currency) as spool:
            for part in parts_of(source):
                spool.add(part)
        connection = opened.enter_context(_sorting(work))
        earlier = None if wanted.base is None else dataset_folder(var, wanted.base)
        tables = {table: table_reader(connection, table, work, earlier) for table in _tables(earlier)}
        description = DatasetDescription(
            name=wanted.name,
            source=source.name if base is None else f"{base.source}, then {source.name}",
            currency=wanted.currency,
            amount_scale=1.0 if base is None else base.amount_scale,
            simulated=() if base is None else base.simulated,
            notes=(*(() if base is None else base.notes), *spool.notes(source.count_nobodys())),
            received_until=source.until,
        )
        return write_dataset(folder, description, tables, spool.rejects), spool.counts()


def _tables(base: Path | None) -> Iterable[str]:
    """Those that there is something to read of; a log tells of no coupons that everybody may use."""
    return SPOOLED if base is None else TABLES


@contextmanager
def open_source(log: str, now: datetime) -> Iterator[ToldSource]:
    """The log that is named. Raises: `LogError`."""
    if log.startswith(_PREFIX):
        with open_told_export(log.removeprefix(_PREFIX)) as export:
            yield export
        return
    with open_told_store(log, now) as store:
        yield store


def _read_base(var: Path, wanted: LogImport) -> DatasetManifest:
    """Raises: `DatasetError` when it cannot be added to."""
    assert wanted.base is not None
    if wanted.base == wanted.name:
        raise DatasetError(
            f"the base {wanted.base!r} would be overwritten; wanted another name for the new data set"
        )
    manifest = read_manifest(dataset_folder(var, wanted.base))
    if manifest.received_until:
        raise DatasetError(
            f"the base {wanted.base!r} was made of an event log itself; wanted one imported elsewhere"
        )
    if manifest.currency != wanted.currency:
        raise DatasetError(
            f"the base {wanted.base!r} is in {manifest.currency}, the log is to be read in {wanted.currency}"
        )
    return manifest


@contextmanager
def _sorting(work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    config = {"threads": 1, "memory_limit": SORT_MEMORY, "temp_directory": str(work / "spill")}
    with duckdb.connect(config=config) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
