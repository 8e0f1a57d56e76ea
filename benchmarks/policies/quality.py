"""Progressive reward: what each learner earns while it learns, on identical rounds."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy import stats

from benchmarks.policies.peer import Peer, PeerError, Session
from benchmarks.policies.problem import Problem

OWN = "decision_policy"
"""The learner that is our policy of the very decision; it plays no other problem."""


@dataclass(frozen=True)
class Score:
    """Mean value a round of one learner in one run; `lack` says why there is none, `stated` if it states propensities."""

    value: float
    seconds: float
    stated: bool = False
    lack: str | None = None


def play(session: Session, learner: str, problem: Problem, *, seed: int, limit_s: float) -> Score:
    """The learner's progressive reward. It gives up after `limit_s` seconds: a lack, not a guess of the rest."""
    n, (_, k) = len(problem.contexts), problem.rewards.shape
    own = problem.own if learner == OWN else None
    contexts = own.raw if own else problem.contexts
    setup = (
        {"policy": b64encode(own.artifact).decode(), "scale": own.scale, "offset": own.offset}
        if own
        else None
    )
    session.start(learner, k, contexts.shape[1], seed, setup)
    started, earned, stated = perf_counter(), 0.0, True
    for begin in range(0, n, problem.batch):
        rows = np.arange(begin, min(begin + problem.batch, n))
        actions, said = session.choose(contexts[rows], problem.eligible[rows])
        if not problem.eligible[rows, actions].all():
            raise PeerError(f"{learner} chose an ineligible action")
        session.learn(problem.rewards[rows, actions])
        earned += float(problem.values[rows, actions].sum())
        stated = stated and bool(np.isfinite(said).all())
        if perf_counter() - started > limit_s:
            took = perf_counter() - started
            return Score(
                np.nan, took, lack=f"slower than {limit_s:.0f} s a run ({rows[-1] + 1} of {n} rounds)"
            )
    return Score(earned / n, perf_counter() - started, stated)


def play_all(
    peer: Peer, var: Path, make: Callable[[int], Problem], *, seeds: range, limit_s: float
) -> dict[str, list[Score]]:
    """Each of the peer's learners over the seeds; one that fails or is too slow once is not tried again."""
    scores: dict[str, list[Score]] = {learner: [] for learner in peer.quality}
    with Session(peer, var) as session:
        for seed in seeds:
            problem = make(seed)
            for learner, found in scores.items():
                if not (found and found[-1].lack) and (learner != OWN or problem.own):
                    found.append(_try(session, learner, problem, seed, limit_s))
    return scores


def _try(session: Session, learner: str, problem: Problem, seed: int, limit_s: float) -> Score:
    try:
        return play(session, learner, problem, seed=seed, limit_s=limit_s)
    except PeerError as error:
        return Score(np.nan, 0.0, lack=str(error).strip().splitlines()[-1])


def mean_and_half_width(values: np.ndarray) -> tuple[float, float]:
    """The mean and half the width of its 95 % interval over seeds (Student's t)."""
    if len(values) < 2:
        return float(values.mean()), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def ranks(means: dict[str, float]) -> dict[str, float]:
    """1 for the highest mean; equal means share their mean rank."""
    ordered = stats.rankdata([-mean for mean in means.values()])
    return dict(zip(means, ordered.tolist(), strict=True))
