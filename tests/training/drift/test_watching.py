"""Counting a log: whatever its parts and chunks, the sums are those of the rows; what cannot be compared is told."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.training.drift.seen import SCHEMA, decisions, drawn, monitored
from training.drift.finding import input_findings, journey_findings, time_findings
from training.drift.monitored import DAY_US
from training.drift.row_sample import RowSample
from training.drift.stability import Grade
from training.drift.watching import CHUNK, FORGOTTEN, OTHER_SCHEMA, watch
from training.evaluation.errors import LogError, TooFewRoundsError


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_what_is_counted_is_what_the_rows_hold_however_they_come():
    models, values = monitored(), drawn(rng(), 2 * CHUNK + 300)
    rows = decisions(models, values)
    shuffled = [rows[place] for place in rng().permutation(len(rows))]

    first, second = (watch(each, models, rng()) for each in (rows, shuffled))

    total = first.total
    for tally in (second.total, sum(list(first.by_day.values())[1:], next(iter(first.by_day.values())))):
        assert (tally.counts == total.counts).all()
        assert tally.totals == pytest.approx(total.totals)
        assert (tally.outside == total.outside).all()
    assert total.n_decisions == len(rows)
    names = [each.name for each in models.inputs]
    assert names == ["spend", "orders", "tenure", "churn_risk"]
    spend, tenure = values[:, 0], values[:, 2]
    assert total.totals[0] == pytest.approx(spend.sum())
    assert total.counts[2, -1] == np.isnan(tenure).sum()
    low, high = models.models[0].trained.quantiles[0, [0, -1]]
    assert total.outside[0] == ((spend < low) | (spend > high)).sum()
    assert (first.first_at, first.last_at) == (second.first_at, second.last_at)
    assert set(first.by_day) == {row.decided_at_us // DAY_US for row in rows}


def test_decisions_like_those_of_training_are_stable_and_a_moved_feature_is_named_first():
    models, values = monitored(), drawn(rng(), 3_000)
    moved = values.copy()
    moved[:, 0] *= 2

    still, found = (
        input_findings(models, watch(decisions(models, each), models, rng())) for each in (values, moved)
    )

    assert {each.grade for each in still} == {Grade.STABLE}
    assert [each.name for each in found if each.grade != Grade.STABLE] == ["spend"]
    spend = found[0]
    assert spend.name == "spend"
    assert spend.seen.mean == pytest.approx(moved[:, 0].mean())
    assert spend.seen.quantiles == pytest.approx(np.quantile(moved[:, 0], [0, 0.1, 0.5, 0.9, 1]))
    assert sum(spend.seen.shares) == pytest.approx(1)


def test_a_feature_that_goes_missing_is_drift_and_says_so():
    models, values = monitored(), drawn(rng(), 2_000)
    values[:1_000, 1] = np.nan

    orders, *_ = input_findings(models, watch(decisions(models, values), models, rng()))

    assert (orders.name, orders.grade) == ("orders", Grade.DRIFT)
    assert (orders.trained.missing, orders.seen.missing) == (0.0, 0.5)


def test_views_that_defaults_stood_in_for_are_shares_of_decisions_and_of_their_features():
    models = monitored()
    rows = decisions(models, drawn(rng(), 400))
    rows[:100] = [replace(row, degraded=("rfm:missing",)) for row in rows[:100]]
    rows[100:120] = [replace(row, degraded=("rfm:stale", "profile:incomplete")) for row in rows[100:120]]

    watched = watch(rows, models, rng())

    found = {each.name: each for each in input_findings(models, watched)}
    assert found["spend"].defaults == pytest.approx(0.3)
    assert found["tenure"].defaults == 0.0  # of an incomplete view only what it lacks
    assert watched.total.n_degraded == 120
    parts = journey_findings(models, watched)
    assert [part.name for part in parts] == ["cart", "wheel"]
    assert parts[0].degraded == pytest.approx(
        {"rfm:missing": 0.25, "rfm:stale": 0.05, "profile:incomplete": 0.05}
    )


def test_a_log_of_a_month_is_told_by_days_and_a_longer_one_by_weeks():
    models = monitored()

    days, weeks = (
        time_findings(models, watch(decisions(models, drawn(rng(), 240), hours_apart=hours), models, rng()))
        for hours in (1.0, 6.0)
    )

    assert [day.name for day in days] == [f"2026-03-{2 + day:02d}" for day in range(10)]
    assert {day.n_decisions for day in days} == {24}
    assert [week.name for week in weeks][:2] == ["week of 2026-03-02", "week of 2026-03-09"]
    assert sum(week.n_decisions for week in weeks) == 240


def test_what_cannot_be_compared_is_counted_by_its_reason():
    models = monitored()
    rows = decisions(models, drawn(rng(), 30))
    rows[3:7] = [replace(row, features=np.empty(0)) for row in rows[3:7]]
    rows[10:12] = [replace(row, versions={"features": "another"}) for row in rows[10:12]]

    watched = watch(rows, models, rng())

    assert watched.left_out == {FORGOTTEN: 4, OTHER_SCHEMA: 2}
    assert watched.total.n_decisions == 24
    with pytest.raises(TooFewRoundsError, match=f"no decision to compare: 4 {FORGOTTEN}"):
        watch(rows[3:7], models, rng())
    with pytest.raises(
        TooFewRoundsError, match="no decision to compare: it is empty, or was in the time asked for"
    ):
        watch([], models, rng())


def test_scores_that_another_version_gave_do_not_count():
    models = monitored()
    rows = decisions(models, drawn(rng(), 100))
    rows[:60] = [
        replace(row, versions={**row.versions, "churn_risk": "older"}, scores={"churn_risk": 9.9})
        for row in rows[:60]
    ]

    found = {each.name: each for each in input_findings(models, watch(rows, models, rng()))}

    assert (found["churn_risk"].seen.n_rows, found["spend"].seen.n_rows) == (40, 100)
    assert found["churn_risk"].seen.mean < 1


def test_a_vector_that_is_not_the_schemas_is_an_error_that_names_the_decision():
    models = monitored()

    with pytest.raises(
        LogError, match=f"decision 00000000 saw 2 features; its schema has {len(SCHEMA.columns)}"
    ):
        watch(decisions(models, np.ones((1, 2))), models, rng())


def test_customers_are_counted_to_two_percent_and_never_beyond_the_decisions():
    models = monitored()
    rows = decisions(models, np.zeros((10_000, 3)), hours_apart=0.001)
    often = [replace(row, customer_id=f"c{place % 2_500}") for place, row in enumerate(rows)]

    all_apart, some = (watch(each, models, rng()).total.n_customers for each in (rows, often))

    assert all_apart == pytest.approx(10_000, rel=0.02)
    assert some == pytest.approx(2_500, rel=0.02)
    assert watch(rows[:3], models, rng()).total.n_customers <= 3


def test_a_sample_holds_whole_rows_each_as_likely_as_any_other():
    """Of 1,000 rows in ten parts a sample of 200, 300 times: each tenth is drawn 6,000 times, ± 4 deviations (seed 0)."""
    drawn_from, generator = np.zeros(10), np.random.default_rng(0)
    for _ in range(300):
        sample = RowSample(200, generator)
        for part in range(10):
            numbers = np.arange(100 * part, 100 * (part + 1))
            sample.offer(numbers, -numbers)
        numbers, negatives = sample.columns
        assert len(set(numbers.tolist())) == 200
        assert (numbers == -negatives).all()
        drawn_from += np.bincount(numbers // 100, minlength=10)

    assert abs(drawn_from - 6_000).max() < 4 * np.sqrt(6_000 * 0.9)


def test_a_log_three_times_as_long_takes_no_more_memory():
    models = monitored()
    few = decisions(models, drawn(rng(), CHUNK), hours_apart=0.01)

    def peak(times: int) -> int:
        tracemalloc.start()
        watch((row for _ in range(times) for row in few), models, rng())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(18) < 1.1 * peak(6)
