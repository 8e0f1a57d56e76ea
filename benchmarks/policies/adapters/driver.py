"""The peer's half of the protocol: one adapter process answers requests on standard input until it ends.

An adapter sees a context and the eligible actions, answers an action, and is then told that action's reward: it never holds
another action's reward. A request is one JSON line, the arrays it announces follow as raw bytes; an answer is one JSON line
and its arrays. Whatever a library prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import traceback
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, BinaryIO

import numpy as np


class Learner:
    """What an adapter offers: `choose` and `learn` for many rounds, and the peer's own call for one where it has one.

    `choose` returns actions `(n,)` and the probabilities the peer states for them, nan where it states none.
    """

    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        self.n_actions, self.n_features, self.seed = n_actions, n_features, seed
        self.rng = np.random.default_rng(seed)

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.choose_one(x, e) for x, e in zip(contexts, eligible, strict=True)]
        return np.array([a for a, _ in pairs], dtype=np.int64), np.array([p for _, p in pairs])

    def learn(
        self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, stated: np.ndarray
    ) -> None:
        for x, a, r, p in zip(contexts, actions, rewards, stated, strict=True):
            self.learn_one(x, int(a), float(r), float(p))

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        actions, stated = self.choose(context[None], eligible[None])
        return int(actions[0]), float(stated[0])

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:
        self.learn(context[None], np.array([action]), np.array([reward]), np.array([stated]))


def best(scores: np.ndarray, eligible: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The eligible action with the highest score in each row; among equals one at random."""
    masked = np.where(eligible, scores, -np.inf)
    top = masked == masked.max(axis=1, keepdims=True)
    return np.argmax(np.where(top, rng.random(masked.shape), -1.0), axis=1)


def with_constant(contexts: np.ndarray) -> np.ndarray:
    """A leading 1 in each row, for libraries that fit no intercept."""
    return np.concatenate([np.ones((*contexts.shape[:-1], 1)), contexts], axis=-1)


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

    def time(self, *, what: str, n: int) -> tuple[dict[str, Any], list]:
        """Median microseconds of one decision or one update; for `batch`, decisions a second."""
        contexts, eligible = self._rounds(n)
        rewards = self._floats(n)
        if what == "batch":
            started = perf_counter_ns()
            self.learner.choose(contexts, eligible)
            return {"measured": n / (perf_counter_ns() - started) * 1e9}, []
        took = {"decide": [], "update": []}
        said = np.nan
        for x, e, r in zip(contexts, eligible, rewards, strict=True):
            started = perf_counter_ns()
            action, said = self.learner.choose_one(x, e)
            chosen = perf_counter_ns()
            if what == "update":
                self.learner.learn_one(x, action, float(r), said)
            took["decide"].append(chosen - started)
            took["update"].append(perf_counter_ns() - chosen)
        return {"measured": statistics.median(took[what]) / 1e3, "states": bool(np.isfinite(said))}, []

    def _rounds(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        k, d = self.shape
        contexts = self._floats(n * d).reshape(n, d)
        return contexts, np.frombuffer(self.source.read(n * k), dtype=np.bool_).reshape(n, k)

    def _floats(self, n: int) -> np.ndarray:
        return np.frombuffer(self.source.read(8 * n), dtype=np.float64)
