"""Seeds: each a world of its own, stationary and drifting, that the policy's warm start has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.wheel.belief import belief_and_truth
from benchmarks.wheel.play import play, value_of_form, value_of_seen
from benchmarks.wheel.wheel import Wheel
from features.bulk import latest_as_of
from features.schema import load_schema
from models.coupon import CouponThompson
from models.feedback import Floats
from training.champion import read_champion_scorers
from training.importing.dataset import dataset_folder
from training.places import Places
from training.policies import WARM_STARTS, simulate_rounds, warm_start
from training.simulation.calibration import calibrate
from training.simulation.drift import drift
from training.simulation.formation import form_world
from training.simulation.shop import Shop, read_shop
from training.simulation.stage import Stage, open_stage
from training.simulation.world import World

DATASET: Final = "complete-journey"
OTHERS: Final = 20
"""Worlds over which what is hidden of a household is averaged out."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many seeds, weeks and customers."""

    seeds: int
    weeks: int
    customers: int


@dataclass(frozen=True, kw_only=True)
class Base:
    """The prepared stage, its orders before the moment `as_of`, and the policy as a shop starts with it."""

    stage: Stage
    shop: Shop
    as_of: datetime
    start: CouponThompson

    def world(self, seed: int) -> World:
        """The households with hidden parts of this seed, showing the talk's rates."""
        world = form_world(self.shop, habit_at=self.as_of, seed=seed)
        return calibrate(world, self.stage.audience, self.stage.population)


@dataclass(frozen=True, kw_only=True)
class Result:
    """Of one seed: what could be known of its world, the weeks `(n_weeks, len(WEEKLY))`, what is believed at their end."""

    seen: float
    form: float
    stationary: Floats
    drifting: Floats
    belief: Floats


def open_base(var: Path) -> Base:
    """The base of a folder that `make run` or `python -m training prepare` left; the warm start is of world 0."""
    places, schema = Places(var=var), load_schema()
    folder, as_of = dataset_folder(var, DATASET), latest_as_of(places.snapshots)
    scorers = read_champion_scorers(places.registry_uri, schema)
    stage = open_stage(folder, places.snapshots, schema, scorers, as_of=as_of, seed=0)
    return base_of(stage, read_shop(folder), as_of)


def base_of(stage: Stage, shop: Shop, as_of: datetime) -> Base:
    """The base of a stage and the shop that it was made of. Raises: `SimulationError` as `warm_start` does."""
    warm = next(each for each in WARM_STARTS if each.name == "coupon_policy")
    rounds = simulate_rounds(warm, stage, np.random.default_rng(0), warm.n_rounds)
    start = warm_start(warm, rounds.feedback, stage.population)
    if not isinstance(start, CouponThompson):
        raise TypeError(f"the coupon policy is a {type(start).__name__}; wanted a CouponThompson")
    known = shop.of_customers(stage.audience.customer_ids).before(as_of)
    return Base(stage=stage, shop=known, as_of=as_of, start=start)


def run(base: Base, plan: Plan) -> Iterator[Result]:
    """The results of seeds 1, 2, ..., none of which is the world that the warm start was made in."""
    wheel = Wheel.of(base.stage)
    others = [base.world(10_000 + number) for number in range(OTHERS)]
    for seed in range(1, plan.seeds + 1):
        world, towards = base.world(seed), base.world(1_000 + seed)
        turns = np.linspace(0.0, 1.0, plan.weeks)
        stationary, drifting = (
            play(base.start, wheel, worlds, seed=seed, customers=plan.customers)
            for worlds in (
                [world] * plan.weeks,
                [drift(world, towards, float(turn)) for turn in turns],
            )
        )
        yield Result(
            seen=value_of_seen(wheel, world, others),
            form=value_of_form(base.start, wheel, world, seed=seed),
            stationary=stationary.weekly,
            drifting=drifting.weekly,
            belief=belief_and_truth(stationary.policy, wheel, world),
        )
