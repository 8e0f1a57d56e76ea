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
from training.evaluation.decision_log import LogSummary, RoundSieve
from training.evaluation.diagnostics import ActionSums
from training.evaluation.log_chunk import LogChunk
from training.evaluation.round_buffer import JudgeableRound, KindOfRound, LogRow, RewardRule, RoundBuffer
from training.evaluation.round_labels import RoundLabels

CHUNK: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class SpooledLog(LogSummary):
    """The rounds of `collect_rounds`, in files, and the sums of those not delivered; memory: one chunk."""

    kind: KindOfRound
    files: tuple[Path, ...]
    undelivered: ActionSums | None = None

    def chunks(self) -> Iterator[LogChunk]:
        """The rounds in the order logged, `CHUNK` at a time."""
        inputs, actions = self.kind
        for file in self.files:
            with np.load(file, allow_pickle=False) as columns:
                yield _chunk(columns, inputs, actions)


def spool_rounds(
    rows: Iterable[LogRow],
    *,
    decision: str,
    rules: Mapping[str, RewardRule],
    scanned_until_us: int,
    folder: Path,
) -> SpooledLog:
    """As `collect_rounds`, but into the folder, which must outlive the log. Raises: `LogError`, `TooFewRoundsError`."""
    sieve = RoundSieve(decision=decision, rules=rules, scanned_until_us=scanned_until_us)
    spools: dict[KindOfRound, _Spool] = {}
    tallies: dict[KindOfRound, _Tally] = {}
    for row, found in sieve.judgeable(rows):
        if not found.is_delivered:
            tallies.setdefault(found.kind, _Tally(RoundBuffer(found.kind))).add(row, found)
            continue
        if found.kind not in spools:
            spools[found.kind] = _Spool(RoundBuffer(found.kind), folder / str(len(spools)))
        spools[found.kind].add(row, found)
    for spool in spools.values():
        spool.write()
    chosen = spools[sieve.most_frequent({kind: spool.n_rounds for kind, spool in spools.items()})]
    return SpooledLog(
        kind=chosen.buffer.kind,
        files=tuple(chosen.files),
        undelivered=tallies[chosen.buffer.kind].total() if chosen.buffer.kind in tallies else None,
        n_left_out=dict(sieve.left_out),
        n_by_journey=dict(chosen.buffer.n_by_journey),
        closed_until_us=sieve.closed_until_us,
        rewards=chosen.buffer.declared,
    )


class _Spool:
    """Rounds of one kind, the newest in memory, the others in files."""

    def __init__(self, buffer: RoundBuffer, folder: Path) -> None:
        self.buffer = buffer
        self.files: list[Path] = []
        self.n_rounds = 0
        self._folder = folder

    def add(self, row: LogRow, found: JudgeableRound) -> None:
        self.buffer.add(row, found)
        self.n_rounds += 1
        if len(self.buffer) >= CHUNK:
            self.write()

    def write(self) -> None:
        if not len(self.buffer):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{len(self.files):06d}.npz"
        feedback, labels, probabilities = self.buffer.columns()
        np.savez(
            file,
            contexts=feedback.contexts,
            actions=feedback.actions,
            rewards=feedback.rewards,
            propensities=feedback.propensities,
            eligible=feedback.eligible,
            probabilities=probabilities,
            journey=labels.texts["journey"],
            group=labels.texts["group"],
            decided_at_us=np.asarray(labels.decided_at_us),
        )
        self.files.append(file)
        self.buffer.clear()


class _Tally:
    """Rounds of one kind that were not delivered, the newest in memory, the others as sums."""

    def __init__(self, buffer: RoundBuffer) -> None:
        self._buffer = buffer
        self._sums: ActionSums | None = None

    def add(self, row: LogRow, found: JudgeableRound) -> None:
        self._buffer.add(row, found)
        if len(self._buffer) >= CHUNK:
            self.total()

    def total(self) -> ActionSums | None:
        if len(self._buffer):
            added = ActionSums.of(self._buffer.columns()[0])
            self._sums = added + self._sums if self._sums else added
            self._buffer.clear()
        return self._sums


def _chunk(columns: Mapping[str, Any], inputs: tuple[str, ...], actions: tuple[str, ...]) -> LogChunk:
    names = ("contexts", "actions", "rewards", "propensities", "eligible")
    feedback = LoggedFeedback(
        **{name: columns[name] for name in names}, input_names=inputs, action_names=actions
    )
    labels = RoundLabels(
        texts={name: columns[name] for name in ("journey", "group")}, decided_at_us=columns["decided_at_us"]
    )
    return LogChunk(feedback=feedback, labels=labels, behavior=columns["probabilities"])
