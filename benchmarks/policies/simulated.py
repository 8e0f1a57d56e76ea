"""The three decisions in the simulated world as bandit problems, stationary and drifting.

Every policy meets the same customers at the same moments, and what each action would bring is drawn once for all: a policy's
choice decides only which of these rewards it is told. Messages are taken as delivered. In the drifting variant the
households' hidden preferences turn into those of another world while the rounds go by.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.policies.problem import Problem, Told, standardise
from features.bulk import latest_as_of
from features.schema import load_schema
from models.reward import RewardSpec
from training.champion import read_champion_scorers
from training.importing.dataset import dataset_folder
from training.places import Places
from training.policies import MESSAGE_COST, WARM_STARTS, WarmStart, new_policy, simulate_rounds
from training.simulation.drift import drift
from training.simulation.formation import form_world
from training.simulation.occasions import Occasions, draw_occasions
from training.simulation.rounds import COUPON_ACTIONS, SimulatedRounds
from training.simulation.shop import read_shop
from training.simulation.stage import Stage, open_stage
from training.simulation.world import World

DATASET: Final = "complete-journey"
WORLD_SEED: Final = 0
BATCH: Final = 50
SEGMENTS: Final = 20
SCALE, OFFSET = 200.0, -50.0
ROUNDS: Final = {"channel_policy": 2_500, "send_time_policy": 2_000, "coupon_policy": 2_500}
AMOUNTS: Final = np.array([0.0 if name == "none" else float(name) for name in COUPON_ACTIONS])
SHARES: Final = AMOUNTS / AMOUNTS.max()
ANGLES: Final = 2 * np.pi * np.arange(24)[:, None] / 24 * np.array([1, 2])
ACTION_FEATURES: Final[dict[str, list[list[float]]]] = {
    "coupon_policy": np.column_stack([SHARES, SHARES**2]).tolist(),
    "send_time_policy": np.hstack([np.sin(ANGLES), np.cos(ANGLES)]).tolist(),
}


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The stage of the prepared folder, and another world of the same households to drift towards."""

    stage: Stage
    towards: World


def open_simulation(var: Path) -> Simulation:
    """The world as `python -m training prepare` left it. Raises what `open_stage` raises where something is missing."""
    places, schema = Places(var=var), load_schema()
    folder, as_of = dataset_folder(var, DATASET), latest_as_of(places.snapshots)
    scorers = read_champion_scorers(places.registry_uri, schema)
    stage = open_stage(folder, places.snapshots, schema, scorers, as_of=as_of, seed=WORLD_SEED)
    return Simulation(stage=stage, towards=_another_world(folder, stage, as_of))


def _another_world(folder: Path, stage: Stage, as_of: datetime) -> World:
    shop = read_shop(folder).of_customers(stage.audience.customer_ids).before(as_of)
    return form_world(shop, habit_at=as_of, seed=WORLD_SEED + 1)


def simulated_problems(simulation: Simulation) -> dict[str, Callable[[int], Problem]]:
    """A maker of each decision's problem, stationary and drifting, by name."""
    return {
        f"{start.name.removesuffix('_policy').replace('_', ' ')}{', drifting' if drifting else ''}": (
            lambda seed, start=start, drifting=drifting: simulated_problem(
                simulation, start, seed=seed, drifting=drifting
            )
        )
        for start in WARM_STARTS
        for drifting in (False, True)
    }


def simulated_problem(simulation: Simulation, start: WarmStart, *, seed: int, drifting: bool) -> Problem:
    """The decision's rounds of this seed; the same with and without drift but for what the actions bring."""
    place = [each.name for each in WARM_STARTS].index(start.name)
    rng = np.random.default_rng([11, place, seed])
    stage = simulation.stage
    occasions = draw_occasions(rng, stage.audience, stage.population, ROUNDS[start.name])
    turns = np.linspace(0.0, 1.0, SEGMENTS) if drifting else np.zeros(SEGMENTS)
    parts = np.array_split(np.arange(len(occasions.customers)), SEGMENTS)
    pieces = []
    for number, (turn, rows) in enumerate(zip(turns, parts, strict=True)):
        world = drift(stage.world, simulation.towards, float(turn)) if drifting else stage.world
        some = Occasions(**{name: values[rows] for name, values in vars(occasions).items()})
        pieces.append(_piece(start, stage, world, some, [13, place, seed, number]))
    contexts, eligible, rewards, values = (np.concatenate(each) for each in zip(*pieces, strict=True))
    return Problem(
        contexts=standardise(contexts),
        eligible=eligible,
        rewards=_to_unit(rewards, start.request.reward),
        values=np.where(eligible, values, 0.0),
        batch=BATCH,
        told=_told(start, stage, contexts, np.random.default_rng([17, place, seed])),
    )


def _piece(
    start: WarmStart, stage: Stage, world: World, occasions: Occasions, key: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Contexts, eligible, realised rewards and expected rewards of occasions in one world."""
    rounds = start.simulate(np.random.default_rng(key), world, stage.audience, occasions, start.request)
    eligible, expected = rounds.feedback.eligible, rounds.expected
    if start.request.reward.kind == "click":
        costs = _clicks(start, stage, world, occasions, key).expected - expected
        drawn = np.random.default_rng([*key, 1]).random((len(expected), 1))
        rewards = (drawn < np.nan_to_num(expected + costs)) - np.nan_to_num(costs)
    else:
        rewards = np.stack(
            [
                world.draw_net_value(  # the same generator for each size: common random numbers
                    np.random.default_rng([*key, 2]),
                    start.request.reward,
                    rounds.customers,
                    np.full(len(expected), amount),
                )
                for amount in AMOUNTS
            ],
            axis=1,
        )
    return rounds.feedback.contexts, eligible, rewards, expected


def _clicks(
    start: WarmStart, stage: Stage, world: World, occasions: Occasions, key: list[int]
) -> SimulatedRounds:
    """The very same rounds with the click alone as their reward."""
    request = replace(start.request, reward=RewardSpec(kind="click", window_hours=48))
    return start.simulate(np.random.default_rng(key), world, stage.audience, occasions, request)


def _to_unit(rewards: np.ndarray, spec: RewardSpec) -> np.ndarray:
    """Rewards on about [0, 1], as most peers want them: clicks stay, net values (thousands) are shifted and divided."""
    return rewards if spec.kind == "click" else (rewards - OFFSET) / SCALE


def _told(start: WarmStart, stage: Stage, contexts: np.ndarray, rng: np.random.Generator) -> dict[str, Told]:
    """The product's policy without warm start and floor, its inputs and unit; bounds; what actions have in common."""
    policy = new_policy(start.name, simulate_rounds(start, stage, rng, 1_000).feedback, stage.population)
    policy.floor = 0.0
    is_click = start.request.reward.kind == "click"
    scale, offset = (1.0, 0.0) if is_click else (SCALE, OFFSET)
    stored = b64encode(policy.to_artifact().to_bytes()).decode()
    told = {
        "decision_policy": Told(setup={"policy": stored, "scale": scale, "offset": offset}, contexts=contexts)
    }
    if is_click:
        told["logistic_thompson"] = Told(
            setup={"low": -max(MESSAGE_COST.values()), "high": 1.0, "base_share": 0.05}
        )
    if start.name in ACTION_FEATURES:
        shared = Told(setup={"action_features": ACTION_FEATURES[start.name]})
        told |= {"shared_lin_ucb": shared, "shared_thompson": shared}
    return told
