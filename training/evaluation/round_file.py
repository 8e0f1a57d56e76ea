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

CHUNK = 100_000


@dataclass(frozen=True, kw_only=True)
class RoundColumns:
    """The file's columns: action, reward, propensity (or one number for all rounds, as in a randomised test) and inputs."""

    action: str = "action"
    reward: str = "reward"
    propensity: str | float = "propensity"
    inputs: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[str]:
        """The names of all columns to read."""
        own = [self.propensity] if isinstance(self.propensity, str) else []
        return [self.action, self.reward, *own, *self.inputs]


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

    def chunks(self) -> Iterator[LoggedFeedback]:
        """The rounds, `CHUNK` at a time or as the file's own blocks are. Raises: `LogError` naming rows at fault."""
        seen = 0
        for batch in _batches(self.path, self.columns.wanted):
            if len(batch):
                yield self._feedback(batch, seen)
            seen += len(batch)

    def _feedback(self, batch: pa.RecordBatch, seen: int) -> LoggedFeedback:
        columns, names = self.columns, self.action_names
        n_rounds = len(batch)
        actions = pc.index_in(batch[columns.action].cast(pa.string()), pa.array(names))
        numbers = {name: _numbers(batch, name) for name in columns.wanted if name != columns.action}
        if isinstance(columns.propensity, str):
            propensities = numbers[columns.propensity]
        else:
            propensities = np.full(n_rounds, columns.propensity)
        inputs = [numbers[name] for name in columns.inputs]
        try:
            return LoggedFeedback(
                contexts=np.column_stack(inputs) if inputs else np.empty((n_rounds, 0)),
                actions=actions.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
                rewards=numbers[columns.reward],
                propensities=propensities,
                eligible=np.ones((n_rounds, len(names)), dtype=np.bool_),
                input_names=columns.inputs,
                action_names=names,
            )
        except (FeedbackError, IndexError) as error:
            raise LogError(f"{self.path}, rows from {seen}: {error}") from error


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
        with pa.csv.open_csv(path) as reader:
            _check(path, reader.schema.names, wanted)
            yield from reader
    except pa.ArrowInvalid as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def _check(path: Path, found: list[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise LogError(f"{path} has no column {missing}; it has {found}")
