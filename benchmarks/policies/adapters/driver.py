"""The peer's half of the protocol: one adapter process answers requests on standard input until it ends.

An adapter sees a context and the eligible actions, answers an action, and is then told that action's reward: it never holds
another action's reward. A request is one JSON line, the arrays it announces follow as raw bytes; an answer is one JSON line
and its arrays. Every answer tells the processor time this process has used. Whatever a library prints goes to standard
error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from time import process_time
from typing import Any, BinaryIO

import numpy as np
from learner import Learner
from pace import batch_rate, pace, warm_up
from yardstick import Plain


def serve(learners: dict[str, Callable[..., Learner]]) -> None:
    """Answers requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    session = _Session(learners, sys.stdin.buffer)
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        try:
            header, arrays = getattr(session, request.pop("do"))(**request)
        except Exception:  # noqa: BLE001 - told to the harness, which raises it
            header, arrays = {"error": traceback.format_exc(limit=-3)}, []
        header["spent_s"] = process_time()
        answers.write(json.dumps(header).encode() + b"\n" + b"".join(a.tobytes() for a in arrays))
        answers.flush()


class _Session:
    def __init__(self, learners: dict[str, Callable[..., Learner]], source: BinaryIO) -> None:
        self.learners, self.source = learners, source

    def start(
        self, *, learner: str, n_actions: int, n_features: int, seed: int, **setup: dict[str, Any]
    ) -> tuple[dict[str, Any], list]:
        self.shape = (n_actions, n_features)
        self.learner = self.learners[learner](n_actions, n_features, seed, **setup)
        return {}, []

    def choose(self, *, n: int) -> tuple[dict[str, Any], list]:
        self.contexts, eligible = self._rounds(n)
        self.actions, self.stated = self.learner.choose(self.contexts, eligible)
        actions = np.asarray(self.actions, dtype=np.int64)
        return {}, [actions, np.asarray(self.stated, dtype=np.float64)]

    def learn(self) -> tuple[dict[str, Any], list]:
        rewards = self._floats(len(self.actions))
        self.learner.learn(self.contexts, self.actions, rewards, self.stated)
        return {}, []

    def warm_up(self, *, n: int) -> tuple[dict[str, Any], list]:
        (contexts, eligible), rewards = self._rounds(n), self._floats(n)
        self.plain = Plain(*self.shape, seed=0)
        for each in (self.learner, self.plain):
            warm_up(each, contexts, eligible, rewards)
        return {}, []

    def pace(self, *, n: int, turn: int, limit_s: float) -> tuple[dict[str, Any], list]:
        (contexts, eligible), rewards = self._rounds(n), self._floats(n).tolist()
        rounds = list(zip(contexts, eligible, rewards, strict=True))
        return {"pace": pace(self.learner, self.plain, rounds, turn=turn, limit_s=limit_s)}, []

    def batch(self, *, n: int, limit_s: float) -> tuple[dict[str, Any], list]:
        return {"rate": batch_rate(self.learner, *self._rounds(n), limit_s=limit_s)}, []

    def _rounds(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        k, d = self.shape
        contexts = self._floats(n * d).reshape(n, d)
        return contexts, np.frombuffer(self.source.read(n * k), dtype=np.bool_).reshape(n, k)

    def _floats(self, n: int) -> np.ndarray:
        return np.frombuffer(self.source.read(8 * n), dtype=np.float64)
