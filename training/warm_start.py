"""From a data set to the three policies' first versions: simulate, learn, weigh, judge against the known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.table import Table

from models.artifact import Artifact
from training.policies import WARM_STARTS, WarmStart, simulate_rounds, warm_start, warm_start_artifact
from training.simulation.policy_value import KnownValue, known_value
from training.simulation.stage import Stage

TEST_OCCASIONS: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class StartedPolicy:
    """A policy ready to be registered, and its value in the world it was simulated in, on rounds it did not learn from."""

    name: str
    unit: str
    artifact: Artifact
    value: KnownValue


def start_policy(start: WarmStart, stage: Stage, *, seed: int) -> StartedPolicy:
    """The policy after its warm start; the same stage and seed give the same bytes."""
    place = [each.name for each in WARM_STARTS].index(start.name)
    rngs = [np.random.default_rng([seed, place, part]) for part in range(2)]
    rounds = simulate_rounds(start, stage, rngs[0], start.n_rounds)
    policy = warm_start(start, rounds.feedback, stage.population)
    unseen = simulate_rounds(start, stage, rngs[1], TEST_OCCASIONS)
    artifact = warm_start_artifact(start, policy, rounds.feedback, seed=seed, fingerprint=stage.fingerprint)
    unit = "clicks" if start.request.reward.kind == "click" else f"1,000 {stage.currency}"
    return StartedPolicy(name=start.name, unit=unit, artifact=artifact, value=known_value(policy, unseen))


def value_table(started: list[StartedPolicy]) -> Table:
    """The known values as a table: uniformly random, warm-started, optimal, and what the warm start gained."""
    table = Table(
        title="Expected reward of a decision in the simulated world",
        caption="gain over random ± standard error; share of the possible gain",
    )
    table.add_column("policy (unit)", no_wrap=True)
    for heading in ("random", "started", "optimum", "gain", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in started:
        v, label = each.value, f"{each.name.removesuffix('_policy')} ({each.unit})"
        numbers = [f"{number:.4f}" for number in (v.random, v.policy, v.optimum)]
        gain = f"{v.gain:.4f} ± {v.gain_se:.4f}"
        table.add_row(label, *numbers, gain, f"{v.share_of_possible:.0%}")
    return table
