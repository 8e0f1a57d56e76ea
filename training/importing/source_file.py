"""Outside files as rows of text: every column a string, every row with the line it came from."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "whitespace": "\t"}
_BLOCK_BYTES: Final = 16 * 2**20


class ImportRefusedError(Exception):
    """A file that cannot be imported as it is; the message says what was found and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class SourceRows:
    """A file's rows as text. A missing value is null; `lines` counts from 1 in the file (Parquet: the row's number)."""

    rows: pa.Table
    lines: pa.Array
    malformed: tuple[
        tuple[int, str], ...
    ]  # line and text of the rows with another number of columns than the header

    @property
    def read(self) -> int:
        """The rows in the file, malformed ones included; the header and lines with no value are no rows."""
        return int(self.rows.num_rows) + len(self.malformed)


def read_source(path: Path, separator: str = "comma") -> SourceRows:
    """The rows of a CSV or, where the name ends in .parquet, a Parquet file.

    `separator` is one of `SEPARATORS` or a single character; `whitespace` takes any run of blanks as one separator.
    Raises ImportRefusedError when the file cannot be read as such.
    """
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path)
        return _read_csv(path.read_bytes(), separator)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        raise ImportRefusedError(f"{path} cannot be read: {error}") from error
    except ImportRefusedError as error:
        raise ImportRefusedError(f"{path} cannot be read: {error}") from error


def _read_parquet(path: Path) -> SourceRows:
    table = pq.read_table(path)
    columns = {name: pc.cast(table[name], pa.string()) for name in table.column_names}
    return SourceRows(
        rows=pa.table(columns), lines=pa.array(range(1, table.num_rows + 1), pa.int64()), malformed=()
    )


def _read_csv(content: bytes, separator: str) -> SourceRows:
    delimiter = SEPARATORS.get(separator, separator)
    if len(delimiter) != 1:
        raise ImportRefusedError(
            f"separator {separator!r}: wanted one character or one of {', '.join(SEPARATORS)}"
        )
    if separator == "whitespace":
        content = re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", content))
    header, header_lines = _read_header(content, delimiter)
    malformed: list[tuple[int, str]] = []

    def note_malformed(row: pa_csv.InvalidRow) -> str:
        malformed.append((row.number, row.text))
        return "skip"

    rows = pa_csv.read_csv(
        io.BytesIO(content),
        read_options=pa_csv.ReadOptions(
            column_names=header, skip_rows=header_lines, use_threads=False, block_size=_BLOCK_BYTES
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note_malformed,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    return _with_lines(rows, malformed, header_lines)


def _read_header(content: bytes, delimiter: str) -> tuple[list[str], int]:
    reader = csv.reader(
        io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""), delimiter=delimiter
    )
    header = next((names for names in reader if names), None)
    if header is None:
        raise ImportRefusedError("it is empty; wanted a header line with column names")
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ImportRefusedError(f"column names occur twice: {', '.join(map(repr, twice))}")
    return names, reader.line_num


def _with_lines(rows: pa.Table, malformed: list[tuple[int, str]], header_lines: int) -> SourceRows:
    """A row's line is where it starts: line ends in values, blank lines and malformed rows push later rows down."""
    total = rows.num_rows + len(malformed)
    is_malformed = np.zeros(total, dtype=bool)
    is_malformed[np.array([number - header_lines - 1 for number, _ in malformed], dtype=np.int64)] = True
    heights = np.ones(total, dtype=np.int64)
    heights[is_malformed] += np.array([text.count("\n") for _, text in malformed], dtype=np.int64)
    heights[~is_malformed] += _line_ends(rows)
    lines = header_lines + 1 + np.cumsum(heights) - heights
    filled = ~_is_blank(rows)
    return SourceRows(
        rows=rows.filter(pa.array(filled)),
        lines=pa.array(lines[~is_malformed][filled]),
        malformed=tuple(
            (int(line), text) for line, (_, text) in zip(lines[is_malformed], malformed, strict=True)
        ),
    )


def _line_ends(rows: pa.Table) -> NDArray[np.int64]:
    ends = np.zeros(rows.num_rows, dtype=np.int64)
    for column in rows.columns:
        ends += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
    return ends


def _is_blank(rows: pa.Table) -> NDArray[np.bool_]:
    blank = np.ones(rows.num_rows, dtype=bool)
    for column in rows.columns:
        blank &= pc.is_null(column).to_numpy()
    return blank
