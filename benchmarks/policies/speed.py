"""Speed of a decision, an update and a batch, of each learner beside the yardstick in its process (`adapters/pace.py`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.policies.peer import Peer, PeerError, Session

N_ACTIONS, N_FEATURES = 5, 32
WARM_UP, TURN, BATCH = 600, 520, 2_000
ROUNDS = 25 * TURN
LIMIT_S = 15.0
Speeds = dict[str, dict[str, float]]


def measure_speed(peers: list[Peer], var: Path, *, rounds: int = ROUNDS) -> tuple[Speeds, dict[str, str]]:
    """Each learner's `pace`, and as `batch` its decisions a second of many at once; and why a learner has none.

    One learner after the other, each in a process of its own, with nothing else of ours running.
    """
    found: Speeds = {}
    lacks: dict[str, str] = {}
    for peer in peers:
        for learner in peer.speed:
            try:
                found[f"{peer.name} {learner}"] = _measure(peer, learner, var, rounds)
            except PeerError as error:
                lacks[f"{peer.name} {learner}"] = str(error).strip().splitlines()[-1]
    return found, lacks


def _measure(peer: Peer, learner: str, var: Path, rounds: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    theta = rng.standard_normal((N_ACTIONS, N_FEATURES)) / np.sqrt(N_FEATURES)
    with Session(peer, var) as session:
        session.start(learner, N_ACTIONS, N_FEATURES, 0)
        session.ask("warm_up", _rounds(rng, theta, WARM_UP), n=WARM_UP)
        answer = session.ask("pace", _rounds(rng, theta, rounds), n=rounds, turn=TURN, limit_s=LIMIT_S)
        batch = session.ask("batch", _rounds(rng, theta, BATCH)[:2], n=BATCH, limit_s=LIMIT_S)
    return {**answer["pace"], "batch": float(batch["rate"])}


def _rounds(rng: np.random.Generator, theta: np.ndarray, n: int) -> list[np.ndarray]:
    """Contexts, everything eligible, and rewards of 0 and 1."""
    contexts = rng.standard_normal((n, N_FEATURES))
    expected = 1 / (1 + np.exp(-(contexts @ theta.T).max(axis=1)))
    rewards = (rng.random(n) < expected).astype(np.float64)
    return [contexts, np.ones((n, N_ACTIONS), dtype=np.bool_), rewards]
