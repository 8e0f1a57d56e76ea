"""Speed of our linear policies against a plain numpy LinUCB, in one run on one core: one line a target.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.policy_speed

5 actions, 32 inputs. Both learn the same 5,000 rounds, each chosen by our own policy, then are timed in turns; each number
is the median of the turns, in processor time, so that a busy machine disturbs little. Ours states the exact probability of
every action; the reference states none, scales no input and knows no unknown ones.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import process_time

import numpy as np

from benchmarks.target import Target, finish
from models.context import Standardizer
from models.feedback import Floats
from models.linear_thompson import LinearThompson
from models.policy import choose

N_ACTIONS, N_INPUTS, N_LEARNT = 5, 32, 5_000
N_TURNS, N_CALLS, N_BATCH = 15, 400, 10_000
DECISION_RATIO, UPDATE_RATIO, BATCH_RATE = 5.0, 1.25, 120_000


class PlainLinUCB:
    """Disjoint LinUCB as one would write it: Li et al. (2010), algorithm 1, with Sherman-Morrison updates of A⁻¹."""

    def __init__(self, *, n_actions: int, n_inputs: int, alpha: float) -> None:
        self.inverse = np.tile(np.eye(n_inputs), (n_actions, 1, 1))
        self.b = np.zeros((n_actions, n_inputs))
        self.theta = np.zeros((n_actions, n_inputs))
        self.alpha = alpha

    def decide(self, x: Floats) -> int:
        """The action of the highest upper bound."""
        variance = (self.inverse @ x) @ x
        return int(np.argmax(self.theta @ x + self.alpha * np.sqrt(variance)))

    def update(self, x: Floats, action: int, reward: float) -> None:
        """A⁻¹, b and θ of the action after one round."""
        inverse = self.inverse[action]
        v = inverse @ x
        inverse -= np.outer(v, v) / (1 + x @ v)
        self.b[action] += reward * x
        self.theta[action] = inverse @ self.b[action]


def microseconds(call: Callable[[int], object], n_calls: int) -> float:
    """Mean processor time of a call over n of them."""
    start = process_time()
    for i in range(n_calls):
        call(i)
    return (process_time() - start) / n_calls * 1e6


def warmed(rng: np.random.Generator) -> tuple[PlainLinUCB, LinearThompson]:
    """Both policies after the same rounds: a linear world with unit noise and effects of 0.1."""
    reference = PlainLinUCB(n_actions=N_ACTIONS, n_inputs=N_INPUTS, alpha=1.0)
    ours = LinearThompson(
        action_names=tuple(f"action {a}" for a in range(N_ACTIONS)),
        input_names=tuple(f"input {i}" for i in range(N_INPUTS)),
        standardizer=Standardizer(np.zeros(N_INPUTS), np.ones(N_INPUTS)),
    )
    effects = rng.normal(0.0, 0.1, (N_ACTIONS, N_INPUTS))
    everything = np.ones(N_ACTIONS, dtype=np.bool_)
    for _ in range(N_LEARNT):
        x = rng.normal(size=N_INPUTS)
        action = choose(ours.probabilities(x, everything), rng.random())
        reward = float(effects[action] @ x + rng.normal())
        ours.learn_one(x, action, reward)
        reference.update(x, action, reward)
    return reference, ours


def measure(seed: int) -> dict[str, float]:
    """Median microseconds of each kind of call, taken in turns."""
    rng = np.random.default_rng(seed)
    reference, ours = warmed(rng)
    contexts = rng.normal(size=(N_CALLS, N_INPUTS))
    many = rng.normal(size=(N_BATCH, N_INPUTS))
    actions, rewards = rng.integers(0, N_ACTIONS, N_CALLS), rng.normal(size=N_CALLS)
    everything = np.ones(N_ACTIONS, dtype=np.bool_)
    all_eligible = np.ones((N_BATCH, N_ACTIONS), dtype=np.bool_)
    learning, plain = ours.clone(), reference
    learning.probabilities(contexts[0], everything)  # the posterior that updates carry along
    calls: dict[str, tuple[Callable[[int], object], int]] = {
        "reference decision": (lambda i: reference.decide(contexts[i]), N_CALLS),
        "decision": (lambda i: ours.probabilities(contexts[i], everything), N_CALLS),
        "reference update": (
            lambda i: plain.update(contexts[i], int(actions[i]), float(rewards[i])),
            N_CALLS,
        ),
        "update": (lambda i: learning.learn_one(contexts[i], int(actions[i]), float(rewards[i])), N_CALLS),
        "batch": (lambda _: ours.probabilities_many(many, all_eligible), 1),
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(N_TURNS):
        learning.probabilities(contexts[0], everything)
        for name, (call, n_calls) in calls.items():
            found[name].append(microseconds(call, n_calls))
    return {name: statistics.median(times) for name, times in found.items()}


def targets(times: dict[str, float]) -> list[Target]:
    """What we hold ourselves to: ratios of the same run and as a rate."""
    decision, update = (times[name] / times[f"reference {name}"] for name in ("decision", "update"))
    return [
        Target(_told("decision", times), decision, "at most", DECISION_RATIO),
        Target(_told("update", times), update, "at most", UPDATE_RATIO),
        Target("batched decisions with exact propensities a second", rate(times), "at least", BATCH_RATE),
    ]


def rate(times: dict[str, float]) -> float:
    """Batched decisions a second."""
    return N_BATCH / times["batch"] * 1e6


def _told(name: str, times: dict[str, float]) -> str:
    return f"{name} ({times[name]:.1f} µs) over plain LinUCB's ({times[f'reference {name}']:.1f} µs)"


if __name__ == "__main__":
    finish(targets(measure(seed=1)))
