"""The wheel's policy beside the talk's rule, on a made-up shop: true values, what is learnt, and a page of it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.wheel.belief import COLUMNS
from benchmarks.wheel.page import targets_of, write_page
from benchmarks.wheel.play import WEEKLY, play
from benchmarks.wheel.run import Base, Plan, Result, base_of, run
from benchmarks.wheel.wheel import AMOUNTS, Wheel
from tests.training.conftest import ENDS_AT, shop, shop_tables, stage
from training.simulation.shop import Shop
from training.simulation.stage import Stage

__all__ = ["shop", "shop_tables", "stage"]
ROOT = Path(__file__).parent.parent.parent
PLAN = Plan(seeds=2, weeks=3, customers=2_000)


@pytest.fixture(scope="module")
def base(stage: Stage, shop: Shop) -> Base:
    """The made-up households, the last tenth of which have lapsed, and the policy's own warm start."""
    known = stage.audience.known.copy()
    recency = stage.audience.names.index("recency_days")
    known[:, recency] = np.where(np.arange(len(known)) < 0.9 * len(known), 5.0, 120.0)
    return base_of(replace(stage, audience=replace(stage.audience, known=known)), shop, ENDS_AT)


@pytest.fixture(scope="module")
def results(base: Base) -> list[Result]:
    return list(run(base, PLAN))


@pytest.mark.parametrize("size", [2, 5])
def test_what_a_code_adds_to_drawn_rewards_is_its_value(base: Base, size: int) -> None:
    """200,000 openings each of one seed: within 4 standard errors of the difference."""
    wheel, world, n = Wheel.of(base.stage), base.stage.world, 200_000
    rewards = []
    for place in (0, size):
        rng = np.random.default_rng([4, place])
        who, hours = wheel.draw(rng, n)
        rewards.append(1000 * wheel.rewards(rng, world, who, hours, np.full(n, place)))
    without, given = rewards

    error = np.sqrt((without.var() + given.var()) / n)

    assert given.mean() - without.mean() == pytest.approx(
        wheel.values(world)[:, size].mean(), abs=4 * float(error)
    )


def test_no_code_adds_and_costs_nothing(base: Base) -> None:
    wheel = Wheel.of(base.stage)

    assert not wheel.added(base.stage.world)[:, 0].any()
    assert not wheel.costs(base.stage.world)[:, 0].any()
    assert (wheel.households < 0.9 * len(base.stage.audience.customer_ids)).all()
    assert set(AMOUNTS[wheel.rule]) == set(AMOUNTS[1:])


def test_nobody_earns_more_than_who_knows_the_truth(results: list[Result]) -> None:
    for result in results:
        truth = result.stationary[:, WEEKLY.index("truth")]

        assert (result.stationary <= truth[:, None] + 1e-9).all()
        assert (result.drifting <= result.drifting[:, WEEKLY.index("truth")][:, None] + 1e-9).all()
        assert max(result.seen, result.form) <= truth[0] + 1e-9


def test_the_first_week_is_the_same_whatever_the_world_does_later_and_a_seed_plays_alike(
    base: Base, results: list[Result]
) -> None:
    wheel, world = Wheel.of(base.stage), base.world(1)

    again = play(base.start, wheel, [world] * PLAN.weeks, seed=1, customers=PLAN.customers)

    np.testing.assert_array_equal(again.weekly, results[0].stationary)
    np.testing.assert_allclose(results[0].drifting[0], results[0].stationary[0])


def test_the_shares_of_a_class_are_shares(results: list[Result]) -> None:
    for result in results:
        for name in ("given", "best"):
            np.testing.assert_allclose(result.belief[:, :, COLUMNS.index(name)].sum(axis=1), 1.0)


def test_many_rounds_teach_the_policy_more_than_its_start_knew(base: Base) -> None:
    wheel, world = Wheel.of(base.stage), base.world(1)

    weekly = play(base.start, wheel, [world] * 2, seed=1, customers=400_000).weekly

    assert weekly[1, WEEKLY.index("policy")] > weekly[0, WEEKLY.index("policy")]


def test_a_page_of_it_has_a_row_each_week_and_says_simulated(results: list[Result], tmp_path: Path) -> None:
    write_page(tmp_path / "page.md", PLAN, results, "this test")

    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "**Simulated**" in text
    assert all(f"\n| {week} | " in text for week in (1, 2, 3))
    assert "{" not in text
    assert len(targets_of(PLAN, results)) == 2


@pytest.mark.slow
def test_the_command_plays_the_prepared_base_and_writes_its_page(prepared: Path, tmp_path: Path) -> None:
    """So few weeks need not show a lead, so both ends of the run are right; the page is written in any case."""
    page = tmp_path / "page.md"
    few = ["--seeds", "1", "--weeks", "2", "--customers", "500", "--var", str(prepared), "--page", str(page)]

    command = [sys.executable, "-m", "benchmarks.wheel", *few]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode in (0, 1), done.stderr
    assert "seed 1 of 1" in done.stdout, done.stdout + done.stderr
    assert "| 2 | " in page.read_text(encoding="utf-8")
