"""The simulation of the journeys, on a made-up shop: what is conserved, what holds, and that nothing knows the future."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from benchmarks.journeys.estimate import difference, mean, ratio, share
from benchmarks.journeys.lessons import add_up, rewarded, sums_of
from benchmarks.journeys.life import Life, Told
from benchmarks.journeys.page import write_page
from benchmarks.journeys.run import Plan, Simulated, live
from benchmarks.journeys.shop import ARMS, PLAYED, Shop, additive, set_up
from benchmarks.journeys.tally import FIELDS, Tally, tally, together
from features.schema import CHANNELS
from models.reward import OutcomeKind
from tests.service.conftest import starting_policies
from tests.training.conftest import shop, shop_tables, stage
from training.simulation.stage import Stage

__all__ = ["shop", "shop_tables", "stage"]
ROOT = Path(__file__).parent.parent.parent
ZONE = "Asia/Tehran"
PLAN = Plan(customers=300, waves=1, first=datetime(2024, 7, 20, tzinfo=UTC), seed=3, processes=1)
Sent = tuple[Life, Told]


@pytest.fixture(scope="module")
def simulated_shop(stage: Stage) -> Shop:
    """The made-up households, the last tenth of which have lapsed, and policies that have learnt nothing."""
    known = stage.audience.known.copy()
    recency = stage.audience.names.index("recency_days")
    known[:, recency] = np.where(np.arange(len(known)) < 0.9 * len(known), 5.0, 120.0)
    known[:, stage.audience.names.index("churn_risk")] = 0.5
    audience = replace(stage.audience, known=known)
    return set_up(replace(stage, audience=audience), starting_policies(), ZONE)


@pytest.fixture(scope="module")
def lives(simulated_shop: Shop) -> list[Life]:
    return live(simulated_shop, range(PLAN.customers), 0, PLAN)


def sent_by(lives: list[Life]) -> Iterator[Sent]:
    """Each message and code that went out."""
    return ((life, told) for life in lives for told in life.told.values() if told.sent_at is not None)


def test_every_send_belongs_to_a_run_that_was_active(lives: list[Life]) -> None:
    for life, told in sent_by(lives):
        run = told.run

        assert run.ended is None
        assert (run.journey, run.customer_id) == (told.record.request.journey, life.customer.customer_id)
        assert run.entered_at <= told.record.decided_at <= told.sent_at == run.now


def test_every_journey_sends_something(lives: list[Life]) -> None:
    sends = Counter(told.record.request.journey for _, told in sent_by(lives))

    assert set(sends) == set(PLAYED)


def test_who_follows_the_page_after_an_invitation_gets_a_code_and_who_is_held_out_follows_by_itself(
    lives: list[Life],
) -> None:
    found = tally(lives)
    for life in lives:
        told = [each for each in life.told.values() if each.record.request.journey == "follow_pages"]
        invited = [each.sent_at for each in told if each.sent_at and each.channel]
        rewarded_at = [each.sent_at for each in told if each.sent_at and each.amount]

        assert len(rewarded_at) <= len(invited) <= 1
        assert all(invited[0] < at and at in life.follows for at in rewarded_at)
    codes = [found.column("codes", "follow_pages", arm).sum() for arm in ARMS]
    assert (sum(codes) > 0, codes[-1]) == (True, 0)


def test_who_is_held_out_gets_nothing(lives: list[Life]) -> None:
    held = [told for life in lives for told in life.told.values() if told.record.group == "holdout"]

    assert held
    assert not any(told.sent_at or told.outcomes for told in held)
    assert not tally(lives).column("sends", "lucky_wheel", "holdout").sum()


def test_messages_keep_consent_quiet_hours_and_caps(simulated_shop: Shop, lives: list[Life]) -> None:
    allowed = simulated_shop.stage.audience.channels()
    for life in lives:
        arrived = sorted(
            told.sent_at
            for told in life.told.values()
            if told.sent_at and told.channel and told.has(OutcomeKind.DELIVERED)
        )

        for told in life.told.values():
            if told.sent_at and told.channel:
                assert allowed[life.customer.household, CHANNELS.index(told.channel)]
                assert 8 <= told.sent_at.astimezone(ZoneInfo(ZONE)).hour < 22
        assert all(later - sooner >= timedelta(hours=2) for sooner, later in pairwise(arrived))
        assert all(c - a >= timedelta(hours=24) for a, c in zip(arrived, arrived[2:], strict=False))
        assert all(f - a >= timedelta(hours=168) for a, f in zip(arrived, arrived[5:], strict=False))


def test_a_decision_knows_nothing_that_comes_after_it(lives: list[Life]) -> None:
    for life in lives:
        records = [told.record for told in life.told.values()]
        claimed = [
            None if r.claims is None or r.claims.message is None else r.claims.message.message
            for r in records
        ]

        assert [r.decided_at for r in records] == sorted(r.decided_at for r in records)
        for place, record in enumerate(records):
            assert set(record.standing.messages) <= set(claimed[:place])
            draw = record.standing.draw
            assert draw is None or draw.decision_id in {r.decision_id for r in records[:place]}


def test_answers_come_after_what_they_answer(lives: list[Life]) -> None:
    for _, told in sent_by(lives):
        assert all(outcome.occurred_at >= told.sent_at for outcome in told.outcomes)
        assert not (told.has(OutcomeKind.UNDELIVERED) and len(told.outcomes) > 1)
        assert told.amount or not told.has(OutcomeKind.REDEEMED)
    for life in lives:
        sends = Counter(told.record.request.journey for told in life.told.values() if told.sent_at)
        brought = Counter(order.journey for order in life.orders if order.journey)

        assert not brought - sends - sends  # a message may bring one order, its code another


def test_what_would_come_anyway_is_the_same_whatever_is_sent(simulated_shop: Shop, lives: list[Life]) -> None:
    learnt = simulated_shop.with_learnt(sums_of(lives, simulated_shop))

    again = live(learnt, range(60), 0, PLAN)

    for life, other in zip(lives, again, strict=False):
        own, same = ([o for o in each.orders if o.journey is None] for each in (life, other))
        assert own == same


def test_a_seed_plays_the_same_again(simulated_shop: Shop, lives: list[Life]) -> None:
    again = tally(live(simulated_shop, range(40), 0, PLAN))

    first = tally(lives[:40])
    np.testing.assert_array_equal(again.rows, first.rows)
    np.testing.assert_array_equal(again.codes, first.codes)


def test_policies_learn_what_was_drawn_and_no_other(simulated_shop: Shop, lives: list[Life]) -> None:
    before = additive(simulated_shop.models.policies["channel"].policy).statistics.count.sum()
    halves = [sums_of(lives[::2], simulated_shop), sums_of(lives[1::2], simulated_shop)]

    after = simulated_shop.with_learnt(add_up(halves))

    groups = Counter(told.record.group for _, told in sent_by(lives))
    lessons = [round_ for life in lives for round_, _ in rewarded(life) if round_.decision == "channel"]
    counted = additive(after.models.policies["channel"].policy).statistics.count.sum()
    assert groups["business_as_usual"] > 0
    assert counted - before == len(lessons) > 0


def test_two_tallies_together_are_the_tally_of_both(lives: list[Life]) -> None:
    both = together([tally(lives[:100]), tally(lives[100:])])

    np.testing.assert_array_equal(both.rows, tally(lives).rows)


def test_a_page_of_it_says_simulated_and_has_a_row_each(lives: list[Life], tmp_path: Path) -> None:
    found = Simulated(customers=300, waves=[tally(lives)], seconds=1.0, processor_seconds=1.0, peak_mb=1.0)

    write_page(tmp_path / "page.md", found, PLAN, [], "this test")

    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "**Everything here is simulated**" in text
    assert all(text.count(f"| {journey} | {arm} |") for journey in PLAYED for arm in ARMS[:-1])
    assert "{" not in text


def test_an_interval_of_a_difference_is_that_of_the_formula() -> None:
    ahead = difference(np.array([1.0, 3.0]), np.array([0.0, 0.0, 3.0]))

    assert ahead.value == pytest.approx(1.0)
    freedom = 2**2 / (1 / 1 + 1 / 2)
    assert ahead.half_width == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(2 / 2 + 3 / 3))


def test_an_interval_of_a_share_is_that_of_the_mean_of_zeros_and_ones() -> None:
    found, wanted = share(3, 10), mean(np.repeat([1.0, 0.0], [3, 7]))

    assert (found.value, found.half_width) == pytest.approx((wanted.value, wanted.half_width))
    assert np.isnan(share(1, 1).half_width)


def test_a_ratio_of_constants_has_no_width_and_one_over_nothing_is_none() -> None:
    gains = np.array([1.0, 2.0, 3.0, 2.0])

    found = ratio(5 * gains, gains)

    assert found is not None
    assert (found.value, found.half_width) == pytest.approx((5.0, 0.0))
    assert ratio(gains, np.array([0.0, 1.0, 0.0, 0.0])) is None
    assert np.isnan(mean(np.array([1.0])).value)


def test_net_value_is_margin_less_coupons_and_messages() -> None:
    row = np.zeros((1, len(FIELDS)))
    for name, amount in (("margin", 50_000.0), ("coupons", 10_000.0), ("messages", 200.0)):
        row[0, FIELDS.index(name)] = amount
    found = Tally(rows=row, journeys=np.array([0]), arms=np.array([0]))

    assert found.column("net", PLAYED[0], ARMS[0]).tolist() == [39_800.0]


@pytest.mark.slow
def test_the_command_plays_the_prepared_base_and_writes_its_page(prepared: Path, tmp_path: Path) -> None:
    """So few customers need not show a lead, so both ends of the run are right; the page is written in any case."""
    page = tmp_path / "page.md"
    few = ["--customers", "200", "--waves", "2", "--var", str(prepared), "--page", str(page)]

    command = [sys.executable, "-m", "benchmarks.journeys", *few]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode in (0, 1), done.stderr
    assert "200 of 200 customers" in done.stdout, done.stdout + done.stderr
    assert "200 customers (of 200), 28 days each, in 2 waves" in page.read_text(encoding="utf-8")
