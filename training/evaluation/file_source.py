"""A file of rounds that is not ours as a log to judge by: `file:PATH`, of any length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import LogError
from training.evaluation.log_chunk import LogChunk, PolicyOfChunk
from training.evaluation.opened_log import OpenedLog
from training.evaluation.round_file import RoundColumns, RoundFile

PREFIX: Final = "file:"
_ALWAYS: Final = "always:"
_OURS: Final = ("action", "reward", "propensity")


def round_columns(
    pairs: Sequence[str],
    inputs: Sequence[str] = (),
    propensity: float | None = None,
    labels: Sequence[str] = (),
) -> RoundColumns:
    """The columns from OURS=THEIRS pairs, the inputs' and labels' names and one propensity for all rounds, if there is one.

    Raises: `LogError` for a pair of another form.
    """
    named: dict[str, str] = {}
    for pair in pairs:
        ours, found, theirs = pair.partition("=")
        if not found or ours not in _OURS or not theirs:
            raise LogError(f"column {pair!r}; wanted OURS=THEIRS with OURS one of {_OURS}")
        named[ours] = theirs
    return RoundColumns(
        action=named.get("action", "action"),
        reward=named.get("reward", "reward"),
        propensity=named.get("propensity", "propensity") if propensity is None else propensity,
        inputs=tuple(inputs),
        labels=tuple(labels),
    )


def open_file(path: Path, columns: RoundColumns) -> OpenedLog:
    """The file, read in chunks; its own policies always choose one action: `always:ACTION`. Raises: `LogError`."""
    file = RoundFile.open(path, columns)
    policies = {f"{_ALWAYS}{name}": _always(place) for place, name in enumerate(file.action_names)}
    return OpenedLog(source=file, policies=policies)


def _always(action: int) -> PolicyOfChunk:
    def probabilities(chunk: LogChunk) -> Floats:
        chosen = np.zeros((chunk.feedback.n_rounds, chunk.feedback.n_actions))
        chosen[:, action] = 1.0
        return chosen

    return probabilities
