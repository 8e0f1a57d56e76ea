"""From a data set to the three policies' first versions: simulate, learn, weigh, judge against the known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.table import Table

from models.artifact import Artifact
from training.drift.distribution import InputDistributions
from training.policies import (
    WARM_STARTS,
    WarmPolicy,
    WarmStart,
    linear_policy,
    simulate_rounds,
    teach,
    warm_start,
    warm_start_artifact,
)
from training.simulation.policy_value import KnownValue, Lead, known_lead, known_value
from training.simulation.rounds import SimulatedRounds
from training.simulation.stage import Stage

TEST_OCCASIONS: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class StartedPolicy:
    """A policy ready to be registered, and its value in the world it was simulated in, on rounds it did not learn from."""

    name: str
    unit: str
    artifact: Artifact
    value: KnownValue
    lead: Lead
    """Over disjoint linear Thompson sampling after the same rounds at the same weight."""


def start_policy(start: WarmStart, stage: Stage, *, seed: int) -> StartedPolicy:
    """The policy after its warm start; the same stage and seed give the same bytes."""
    place = [each.name for each in WARM_STARTS].index(start.name)
    rngs = [np.random.default_rng([seed, place, part]) for part in range(2)]
    rounds = simulate_rounds(start, stage, rngs[0], start.n_rounds)
    policy = warm_start(start, rounds.feedback, stage.population)
    unseen = simulate_rounds(start, stage, rngs[1], TEST_OCCASIONS)
    artifact = warm_start_artifact(start, policy, rounds.feedback, seed=seed, fingerprint=stage.fingerprint)
    n_customers = len(np.unique(rounds.customers))
    trained_on = InputDistributions.of(rounds.feedback.input_names, rounds.feedback.contexts, n_customers)
    unit = "clicks" if start.request.reward.kind == "click" else f"1,000 {stage.currency}"
    return StartedPolicy(
        name=start.name,
        unit=unit,
        artifact=trained_on.carried_by(artifact),
        value=known_value(policy, unseen),
        lead=_lead_over_linear(policy, start, rounds, unseen),
    )


def _lead_over_linear(
    policy: WarmPolicy, start: WarmStart, rounds: SimulatedRounds, unseen: SimulatedRounds
) -> Lead:
    linear = linear_policy(rounds.feedback, rate=float(np.var(rounds.feedback.rewards)))
    return known_lead(policy, teach(linear, start, rounds.feedback), unseen)


def value_table(started: list[StartedPolicy]) -> Table:
    """The known values as a table: random, linear, warm-started, optimal, and what the warm start gained."""
    leads = [f"{_label(each)}: {each.lead.value:.4f} ± {each.lead.se:.4f}" for each in started]
    table = Table(
        title="Expected reward of a decision in the simulated world",
        caption="gain over random ± standard error; share of the possible gain\n"
        f"lead over linear, one regression an action: {', '.join(leads)}",
    )
    table.add_column("policy (unit)")
    for heading in ("random", "linear", "started", "optimum", "gain", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in started:
        v, label = each.value, f"{_label(each)} ({each.unit})"
        numbers = [f"{number:.4f}" for number in (v.random, v.policy - each.lead.value, v.policy, v.optimum)]
        gain = f"{v.gain:.4f} ± {v.gain_se:.4f}"
        table.add_row(label, *numbers, gain, f"{v.share_of_possible:.0%}")
    return table


def _label(started: StartedPolicy) -> str:
    return started.name.removesuffix("_policy")
