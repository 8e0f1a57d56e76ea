"""Speed of one decision, one update and a batch, of every learner in one run, in turn."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.policies.peer import Peer, PeerError, Session

N_ACTIONS, N_FEATURES = 5, 32
WARM_UP, ONE_BY_ONE, BATCH = 600, 150, 2_000
MEASURES = ("decide", "update", "batch")


def measure_speed(
    peers: list[Peer], var: Path, *, rounds: int
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Medians over rounds: microseconds of `decide` and `update`, decisions a second of `batch`; and why a learner has none.

    Every learner is warmed up first; then each round measures each in turn, so that a busy machine slows all.
    """
    rng = np.random.default_rng(0)
    theta = rng.standard_normal((N_ACTIONS, N_FEATURES)) / np.sqrt(N_FEATURES)
    found: dict[str, dict[str, list[float]]] = {}
    lacks: dict[str, str] = {}
    with ExitStack() as stack:
        sessions: dict[str, Session] = {}
        for peer, learner in [(each, learner) for each in peers for learner in each.speed]:
            name = f"{peer.name} {learner}"
            session = stack.enter_context(Session(peer, var))
            try:
                session.start(learner, N_ACTIONS, N_FEATURES, 0)
                session.time("update", *_rounds(rng, theta, WARM_UP))
            except PeerError as error:
                lacks[name] = str(error).strip().splitlines()[-1]
                continue
            sessions[name] = session
        for _ in range(rounds):
            data = {what: _rounds(rng, theta, BATCH if what == "batch" else ONE_BY_ONE) for what in MEASURES}
            for name, session in sessions.items():
                for what in MEASURES:
                    measured = found.setdefault(name, {}).setdefault(what, [])
                    measured.append(session.time(what, *data[what]))
    medians = {
        name: {what: statistics.median(values) for what, values in each.items()}
        for name, each in found.items()
    }
    for name, each in medians.items():
        each["states"] = float(sessions[name].states)
    return medians, lacks


def _rounds(rng: np.random.Generator, theta: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    contexts = rng.standard_normal((n, N_FEATURES))
    rewards = 1 / (1 + np.exp(-(contexts @ theta.T).max(axis=1)))
    return contexts, (rng.random(n) < rewards).astype(np.float64)
