"""Progressive reward: what each learner earns while it learns, on identical rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.policies.peer import Peer, PeerError, Session
from benchmarks.policies.problem import Problem
from models.quantile import LEVEL, t_quantile


@dataclass(frozen=True)
class Score:
    """Mean value a round of one learner in one run, and its processor time; `lack` says why there is none.

    stated: whether it stated a propensity for each decision.
    """

    value: float
    seconds: float
    stated: bool = False
    lack: str | None = None


def play(session: Session, learner: str, problem: Problem, *, seed: int, limit_s: float) -> Score:
    """The learner's progressive reward. It gives up after `limit_s` of processor time: a lack, not a guess of the rest."""
    n, (_, k) = len(problem.contexts), problem.rewards.shape
    told = problem.told.get(learner)
    contexts = problem.contexts if told is None or told.contexts is None else told.contexts
    session.start(learner, k, contexts.shape[1], seed, told.setup if told else None)
    started, earned, stated = session.spent_s, 0.0, True
    for begin in range(0, n, problem.batch):
        rows = np.arange(begin, min(begin + problem.batch, n))
        actions, said = session.choose(contexts[rows], problem.eligible[rows])
        if not problem.eligible[rows, actions].all():
            raise PeerError(f"{learner} chose an ineligible action")
        session.learn(problem.rewards[rows, actions])
        earned += float(problem.values[rows, actions].sum())
        stated = stated and bool(np.isfinite(said).all())
        took = session.spent_s - started
        if took > limit_s:
            lack = f"more than {limit_s:.0f} s of processor time a run ({rows[-1] + 1} of {n} rounds)"
            return Score(np.nan, took, lack=lack)
    return Score(earned / n, session.spent_s - started, stated)


def play_all(peer: Peer, var: Path, problems: Sequence[Problem], *, limit_s: float) -> dict[str, list[Score]]:
    """Each of the peer's learners on the problem's seeds; one that fails or is too slow once is not tried again."""
    learners = [name for name in peer.quality if name not in peer.told or name in problems[0].told]
    scores: dict[str, list[Score]] = {learner: [] for learner in learners}
    with Session(peer, var) as session:
        for seed, problem in enumerate(problems):
            for learner, found in scores.items():
                if not (found and found[-1].lack):
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
    t = t_quantile((1 + LEVEL) / 2, len(values) - 1)
    return float(values.mean()), float(t * values.std(ddof=1) / np.sqrt(len(values)))


def ranks(means: dict[str, float]) -> dict[str, float]:
    """1 for the highest mean; equal means share their mean rank."""
    ordered = stats.rankdata([-mean for mean in means.values()])
    return dict(zip(means, ordered.tolist(), strict=True))
