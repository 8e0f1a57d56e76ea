"""Logged rounds in anyone's CSV or Parquet file, read in chunks; which column is what is the caller's to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from models.feedback import FeedbackError, LoggedFeedback
from training.evaluation.errors import LogError
from training.evaluation.log_chunk import LogChunk
from training.evaluation.round_labels import RoundLabels

CHUNK = 100_000
_UNKNOWN = ["", "NA", "NaN", "nan", "NULL", "null"]


@dataclass(frozen=True, kw_only=True)
class RoundColumns:
    """The file's columns: action, reward, propensity (or one number for all rounds, as in a randomised test), inputs, and
    labels, texts by which rounds are told apart."""

    action: str = "action"
    reward: str = "reward"
    propensity: str | float = "propensity"
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[str]:
        """The names of all columns to read."""
        own = [self.propensity] if isinstance(self.propensity, str) else []
        return list(dict.fromkeys([self.action, self.reward, *own, *self.inputs, *self.labels]))


@dataclass(frozen=True, kw_only=True)
class RoundFile:
    """A file of rounds; every action that occurs in it is eligible in every round. Memory: one chunk."""

    path: Path
    columns: RoundColumns
    action_names: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, columns: RoundColumns) -> RoundFile:
        """The file with its actions found, by name ascending. Raises: `LogError` when it lacks a column or all rounds."""
        found: set[str] = set()
        for batch in _batches(path, columns.wanted):
            found.update(pc.unique(batch[columns.action].cast(pa.string())).drop_null().to_pylist())
        if not found:
            raise LogError(f"{path} holds no rounds")
        return cls(path=path, columns=columns, action_names=tuple(sorted(found)))

    def chunks(self) -> Iterator[LogChunk]:
        """The rounds, `CHUNK` at a time or as the file's own blocks are. Raises: `LogError` naming rows at fault."""
        seen = 0
        for batch in _batches(self.path, self.columns.wanted):
            if len(batch):
                yield LogChunk(feedback=self._feedback(batch, seen), labels=self._labels(batch))
            seen += len(batch)

    def _feedback(self, batch: pa.RecordBatch, seen: int) -> LoggedFeedback:
        columns, names = self.columns, self.action_names
        n_rounds = len(batch)
        actions = pc.index_in(batch[columns.action].cast(pa.string()), pa.array(names))
        if isinstance(columns.propensity, str):
            propensities = _numbers(batch, columns.propensity)
        else:
            propensities = np.full(n_rounds, columns.propensity)
        inputs = [_numbers(batch, name) for name in columns.inputs]
        try:
            return LoggedFeedback(
                contexts=np.column_stack(inputs) if inputs else np.empty((n_rounds, 0)),
                actions=actions.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
                rewards=_numbers(batch, columns.reward),
                propensities=propensities,
                eligible=np.ones((n_rounds, len(names)), dtype=np.bool_),
                input_names=columns.inputs,
                action_names=names,
            )
        except (FeedbackError, IndexError) as error:
            raise LogError(f"{self.path}, rows from {seen}: {error}") from error

    def _labels(self, batch: pa.RecordBatch) -> RoundLabels:
        texts = {
            name: np.asarray(batch[name].cast(pa.string()).fill_null("").to_pylist(), dtype=np.str_)
            for name in self.columns.labels
        }
        return RoundLabels(texts=texts)


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A column as numbers, nan where empty."""
    try:
        return np.asarray(batch[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid as error:
        raise LogError(f"column {name} does not hold numbers: {error}") from error


def _batches(path: Path, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    if not path.is_file():
        raise LogError(f"no file {path}")
    try:
        if path.suffix == ".parquet":
            file = pa.parquet.ParquetFile(path, pre_buffer=False)  # which would keep the whole file in memory
            _check(path, file.schema_arrow.names, wanted)
            yield from file.iter_batches(batch_size=CHUNK, columns=wanted)
            return
        with pa.csv.open_csv(path, convert_options=_as_texts(wanted)) as reader:
            _check(path, reader.schema.names, wanted)
            yield from reader
    except pa.ArrowInvalid as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def _as_texts(wanted: list[str]) -> pa.csv.ConvertOptions:
    """All columns as texts: types guessed from the first block would not fit 29.99 after a thousand zeros."""
    return pa.csv.ConvertOptions(
        column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=True, null_values=_UNKNOWN
    )


def _check(path: Path, found: list[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise LogError(f"{path} has no column {missing}; it has {found}")
