"""Fitting and judging read a log in chunks: four times the rounds take no more memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from models.feedback import Floats, LoggedFeedback
from training.evaluation.gate import PolicyGate
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk
from training.policy_fit import Recipe, data_fingerprint, fit_kind

CHUNK, N_INPUTS, ACTIONS = 2_000, 20, ("a", "b", "c")


@dataclass(frozen=True)
class Generated:
    """So many chunks of rounds, made anew at each reading; one chunk is about 0.4 MB."""

    n_chunks: int

    def chunks(self) -> Iterator[LogChunk]:
        for number in range(self.n_chunks):
            rng = np.random.default_rng(number)
            yield LogChunk(
                feedback=LoggedFeedback(
                    contexts=rng.normal(size=(CHUNK, N_INPUTS)),
                    actions=rng.integers(0, 3, CHUNK),
                    rewards=(rng.random(CHUNK) < 0.2).astype(np.float64),
                    propensities=np.full(CHUNK, 1 / 3),
                    eligible=np.ones((CHUNK, 3), dtype=np.bool_),
                    input_names=tuple(f"input_{place}" for place in range(N_INPUTS)),
                    action_names=ACTIONS,
                )
            )


def certain(action: int) -> Callable[[LogChunk], Floats]:
    """A policy that nearly always chooses one action."""
    return lambda chunk: np.tile(0.85 * np.eye(3)[action] + 0.05, (chunk.feedback.n_rounds, 1))


QUESTION = Question(policy=certain(0), against=certain(1))
WORK = {
    "fit": lambda log: fit_kind(Recipe(kind="lin_ucb", floor=0.02), log),
    "fingerprint": data_fingerprint,
    "gate": lambda log: PolicyGate().judge(log, QUESTION),
}


def peak(work: Callable[[Generated], object], n_chunks: int) -> int:
    """The most that was allocated at a time, in bytes."""
    tracemalloc.start()
    try:
        work(Generated(n_chunks))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", WORK)
def test_four_times_the_rounds_take_no_more_memory(name: str) -> None:
    work = WORK[name]
    work(Generated(1))  # what is made once and kept

    few, many = (peak(work, n_chunks) for n_chunks in (3, 12))

    assert few > CHUNK * N_INPUTS * 8
    assert many < 1.2 * few
