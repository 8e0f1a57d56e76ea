"""How long a learner takes, in processor time, beside the yardstick in the same process.

A busy machine cannot fail a learner unfairly: time in which it does not run is not counted, and what slows it while it
runs slows the yardstick a moment later by as much. So what is judged is the median over turns of the learner's time over
the yardstick's *in the same turn*.

A turn is `turn` rounds, `LITTLE` at a time: decisions of one, then of the other, then the updates with these rounds' rewards
of one, then of the other; who is first changes each time. What a learner puts off (ours computes its posterior afresh
after 512 updates, within the next decision) falls into a turn and counts.
"""

from __future__ import annotations

import statistics
from time import process_time, process_time_ns

import numpy as np
from learner import Learner
from yardstick import Plain

LITTLE = 10
BATCHES = 5
Rounds = list[tuple[np.ndarray, np.ndarray, float]]


def warm_up(learner: Learner, contexts: np.ndarray, eligible: np.ndarray, rewards: np.ndarray) -> None:
    """Teaches it the rounds at once, with actions at random, so that it knows something of each."""
    n_rounds, n_actions = eligible.shape
    learner.choose(contexts, eligible)  # some remember what was eligible
    actions = np.random.default_rng(0).integers(0, n_actions, n_rounds)
    learner.learn(contexts, actions, rewards, np.full(n_rounds, 1 / n_actions))


def pace(learner: Learner, plain: Plain, rounds: Rounds, *, turn: int, limit_s: float) -> dict[str, float]:
    """Medians over turns: µs of a decision and of an update, how many times the yardstick's; if it states propensities.

    Ends after the rounds or after `limit_s` seconds of processor time, even within a turn.
    """
    started, turns, pair = process_time(), [], [learner, plain]
    for begin in range(0, len(rounds), turn):
        took = {learner: np.zeros(2), plain: np.zeros(2)}
        for first in range(begin, min(begin + turn, len(rounds)), LITTLE):
            _play(pair, rounds[first : first + LITTLE], took)
            pair.reverse()  # whoever comes first finds the rounds out of the cache
            if process_time() - started > limit_s:
                break
        n = min(first + LITTLE, len(rounds)) - begin
        turns.append((*(took[learner] / n / 1e3), *(took[plain] / n / 1e3), *(took[learner] / took[plain])))
        if process_time() - started > limit_s:
            break
    decide, update, plain_decide, plain_update, decide_ratio, update_ratio = np.median(turns, axis=0)
    return {
        "decide": decide,
        "update": update,
        "plain_decide": plain_decide,
        "plain_update": plain_update,
        "decide_ratio": decide_ratio,
        "update_ratio": update_ratio,
        "states": float(np.isfinite(learner.choose_one(*rounds[0][:2])[1])),
    }


def _play(pair: list[Learner], rounds: Rounds, took: dict[Learner, np.ndarray]) -> None:
    """Adds nanoseconds of a few rounds to `took`: decisions of one and the other, then updates of one and the other."""
    marks = [process_time_ns()]
    chosen = []
    for each in pair:
        chosen.append([each.choose_one(x, e) for x, e, _ in rounds])
        marks.append(process_time_ns())
    for each, choices in zip(pair, chosen, strict=True):
        for (x, _, r), (a, p) in zip(rounds, choices, strict=True):
            each.learn_one(x, a, r, p)
        marks.append(process_time_ns())
    spans = np.diff(marks)
    for place, each in enumerate(pair):
        took[each] += spans[place::2]


def batch_rate(learner: Learner, contexts: np.ndarray, eligible: np.ndarray, *, limit_s: float) -> float:
    """Decisions a second of processor time, many at once: the median of a few batches."""
    started, rates = process_time(), []
    for _ in range(BATCHES):
        begun = process_time_ns()
        learner.choose(contexts, eligible)
        rates.append(len(contexts) / (process_time_ns() - begun) * 1e9)
        if process_time() - started > limit_s:
            break
    return statistics.median(rates)
