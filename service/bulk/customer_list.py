"""For whom a run decides: a file of customers or everybody in the online store, kept beside the run as it began."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from features.schema import JOIN_KEY
from service.bulk.run import RunError
from service.schemas import Identifier
from service.store.parquet_file import replace_file

NAME: Final = "customers.parquet"
_SCHEMA: Final = pa.schema({JOIN_KEY: pa.string()})
_check: Final = TypeAdapter(Identifier)


def file_source(path: Path) -> str:
    """What tells a file's content from another's. Raises `RunError` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def read_list(path: Path) -> pa.Array:
    """The column `customer_id` of a .csv or .parquet file, in its order, each customer once.

    Raises: `RunError` for a file without it, or a row that names nobody, with its number.
    """
    try:
        table = _readers()[path.suffix](path)
    except KeyError:
        raise RunError(f"{path} ends in {path.suffix or 'nothing'}; wanted .csv or .parquet") from None
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if JOIN_KEY not in table.column_names:
        raise RunError(f"{path} has the columns {table.column_names}; wanted {JOIN_KEY}")
    found = table[JOIN_KEY].combine_chunks()
    if not pa.types.is_string(found.type):
        raise RunError(f"{path}: {JOIN_KEY} is of type {found.type}; wanted text")
    for row, customer_id in enumerate(found.to_pylist(), start=1):
        _refuse_nobody(path, row, customer_id)
    return pc.unique(found)


def _readers() -> dict[str, Any]:
    options = pa_csv.ConvertOptions(column_types={JOIN_KEY: pa.string()}, strings_can_be_null=False)
    return {
        ".csv": lambda path: pa_csv.read_csv(path, convert_options=options),
        ".parquet": lambda path: pq.read_table(path, partitioning=None),
    }


def _refuse_nobody(path: Path, row: int, customer_id: str | None) -> None:
    try:
        _check.validate_python(customer_id)
    except ValidationError as error:
        raise RunError(
            f"{path}, row {row}: {customer_id!r} is no {JOIN_KEY}: {error.errors()[0]['msg']}"
        ) from None


def sorted_list(customer_ids: Iterable[str]) -> pa.Array:
    """The customers in ascending order, each once."""
    found = pc.unique(pa.array(customer_ids, pa.string()))
    return found.take(pc.sort_indices(found))


def write_list(folder: Path, customers: pa.Array, part_rows: int) -> None:
    """Keep the list, a part a row group."""
    table = pa.table([customers], schema=_SCHEMA)
    replace_file(folder / NAME, partial(pq.write_table, table, row_group_size=part_rows))


def read_part(folder: Path, number: int) -> list[str]:
    """The customers of a part, without those who were forgotten since."""
    with pq.ParquetFile(folder / NAME) as file:
        part: list[str] = file.read_row_group(number)[JOIN_KEY].drop_null().to_pylist()
    return part
