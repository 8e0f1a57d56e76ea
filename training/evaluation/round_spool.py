"""A decision log of any length: its rounds parsed once into files of a folder, to be read from there again and again.

So every reading is of the same rounds, whatever service and learner write meanwhile, and a record is parsed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.feedback import LoggedFeedback
from training.evaluation.log_chunk import LogChunk
from training.evaluation.log_summary import LogSummary
from training.evaluation.round_buffer import JudgeableRound, KindOfRound, LogRow, RewardRule, RoundBuffer
from training.evaluation.round_labels import RoundLabels
from training.evaluation.round_segments import RoundSegments
from training.evaluation.round_sieve import RoundSieve

CHUNK: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class SpooledRounds:
    """Rounds of one kind in files; memory: one chunk."""

    kind: KindOfRound
    files: tuple[Path, ...]

    def chunks(self) -> Iterator[LogChunk]:
        """The rounds in the order logged, `CHUNK` at a time."""
        inputs, actions = self.kind
        for file in self.files:
            with np.load(file, allow_pickle=False) as columns:
                yield _chunk(columns, inputs, actions)


@dataclass(frozen=True, kw_only=True)
class SpooledLog(LogSummary):
    """Rounds to judge by, and those of the same kind that were not delivered.

    The latter have no reward and are judged by in nothing but whether the propensities are true.
    """

    rounds: SpooledRounds
    undelivered: SpooledRounds


def spool_rounds(
    rows: Iterable[LogRow],
    *,
    decision: str,
    rules: Mapping[str, RewardRule],
    scanned_until_us: int,
    folder: Path,
    segments: RoundSegments | None = None,
) -> SpooledLog:
    """The rounds that `RoundSieve` lets through, in files of the folder, which must outlive the log.

    Where rounds differ in inputs or actions, those of the most frequent kind; `segments` become labels. Raises: `LogError`
    naming the decision and what is wrong with its record; `TooFewRoundsError` when no round is left.
    """
    sieve = RoundSieve(decision=decision, rules=rules, scanned_until_us=scanned_until_us)
    delivered, undelivered = _Spools(folder / "rounds", segments), _Spools(folder / "undelivered", segments)
    for row, found in sieve.judgeable(rows):
        (delivered if found.is_delivered else undelivered).of(found.kind).add(row, found)
    chosen = delivered.of(sieve.most_frequent(delivered.n_rounds()))
    return SpooledLog(
        rounds=chosen.finish(),
        undelivered=undelivered.of(chosen.buffer.kind).finish(),
        n_left_out=dict(sieve.left_out),
        n_by_journey=dict(chosen.buffer.n_by_journey),
        closed_until_us=sieve.closed_until_us,
        rewards=chosen.buffer.declared,
    )


class _Spools:
    """A spool for each kind of round, in a folder of its own."""

    def __init__(self, folder: Path, segments: RoundSegments | None) -> None:
        self._folder = folder
        self._segments = segments
        self._spools: dict[KindOfRound, _Spool] = {}

    def of(self, kind: KindOfRound) -> _Spool:
        if kind not in self._spools:
            self._spools[kind] = _Spool(
                RoundBuffer(kind, self._segments), self._folder / str(len(self._spools))
            )
        return self._spools[kind]

    def n_rounds(self) -> dict[KindOfRound, int]:
        return {kind: spool.n_rounds for kind, spool in self._spools.items()}


class _Spool:
    """Rounds of one kind, the newest in memory, the others in files."""

    def __init__(self, buffer: RoundBuffer, folder: Path) -> None:
        self.buffer = buffer
        self._files: list[Path] = []
        self.n_rounds = 0
        self._folder = folder

    def add(self, row: LogRow, found: JudgeableRound) -> None:
        self.buffer.add(row, found)
        self.n_rounds += 1
        if len(self.buffer) >= CHUNK:
            self._write()

    def _write(self) -> None:
        if not len(self.buffer):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{len(self._files):06d}.npz"
        feedback, labels, probabilities = self.buffer.columns()
        np.savez(
            file,
            contexts=feedback.contexts,
            actions=feedback.actions,
            rewards=feedback.rewards,
            propensities=feedback.propensities,
            eligible=feedback.eligible,
            probabilities=probabilities,
            decided_at_us=np.asarray(labels.decided_at_us),
            labels=np.array(list(labels.texts)),
            texts=np.array(list(labels.texts.values())),
        )
        self._files.append(file)
        self.buffer.clear()

    def finish(self) -> SpooledRounds:
        self._write()
        return SpooledRounds(kind=self.buffer.kind, files=tuple(self._files))


def _chunk(columns: Mapping[str, Any], inputs: tuple[str, ...], actions: tuple[str, ...]) -> LogChunk:
    names = ("contexts", "actions", "rewards", "propensities", "eligible")
    feedback = LoggedFeedback(
        **{name: columns[name] for name in names}, input_names=inputs, action_names=actions
    )
    labels = RoundLabels(
        texts=dict(zip(columns["labels"].tolist(), columns["texts"], strict=True)),
        decided_at_us=columns["decided_at_us"],
    )
    return LogChunk(feedback=feedback, labels=labels, behavior=columns["probabilities"])
