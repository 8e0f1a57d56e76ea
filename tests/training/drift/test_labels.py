"""Calibration at live decisions: who ordered within the horizon is found, and true probabilities show no error."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.training.drift.seen import STARTS, decisions, drawn, monitored
from training.dataset import Orders
from training.drift.labels import OrderTimes, labelled_scores
from training.drift.monitored import Monitored
from training.drift.watching import watch
from training.evaluation.round_labels import microseconds

DAY = timedelta(days=1)


def orders(*made: tuple[str, float]) -> OrderTimes:
    """Orders of customers so many days after the start, known for a hundred days."""
    ids, buyer = np.unique([name for name, _ in made], return_inverse=True)
    start = np.datetime64(STARTS.replace(tzinfo=None), "us")
    times = start + np.array([round(day * 86_400e6) for _, day in made]).astype("timedelta64[us]")
    by_time = np.argsort(times, kind="stable")
    found = Orders(
        customer_ids=ids,
        buyer=buyer.astype(np.int64)[by_time],
        ordered_at=times[by_time],
        amount=np.ones(len(made)),
    )
    return OrderTimes(found, STARTS + 100 * DAY)


def of_28_days() -> Monitored:
    known = monitored()
    return replace(known, models=(replace(known.models[0], horizon_days=28),))


def test_an_order_counts_after_the_moment_and_to_the_end_of_the_horizon():
    times = orders(("b", 1.0), ("a", 3.0), ("b", 9.0), ("c", 0.5))
    at = [microseconds(STARTS + days * DAY) for days in (0, 2.999, 3, 1, 8, 0, 0)]

    found = times.ordered(["a", "a", "a", "b", "b", "c", "nobody"], at, 7 * DAY)

    assert found.tolist() == [1, 1, 0, 0, 1, 1, 0]


def test_true_probabilities_show_no_error_but_chances_and_others_do():
    """4,000 customers: the error is that of chance within half of it, and the gap of a shifted score is found (seed 2)."""
    models, rng = of_28_days(), np.random.default_rng(2)
    rows = decisions(models, drawn(rng, 4_000), hours_apart=0.1)
    churned = rng.random(len(rows)) < [row.scores["churn_risk"] for row in rows]
    bought = [(row.customer_id, 20.0) for row, gone in zip(rows, churned, strict=True) if not gone]
    lower = [replace(row, scores={"churn_risk": 0.8 * row.scores["churn_risk"]}) for row in rows]

    found = []
    for each in (rows, lower):
        (labelled,) = labelled_scores(models, orders(*bought))
        watch(each, models, rng, (labelled,))
        found.append(labelled.finding)

    true, shifted = found
    assert (true.scorer, true.n_decisions) == ("churn_risk", 4_000)
    assert true.actual == pytest.approx(churned.mean())
    assert true.error < 1.5 * true.noise
    assert shifted.error == pytest.approx(0.1, abs=0.02)
    assert shifted.predicted == pytest.approx(0.8 * true.predicted)


def test_decisions_whose_horizon_is_not_over_or_that_others_scored_tell_nothing():
    models = of_28_days()
    rows = decisions(models, drawn(np.random.default_rng(0), 30), hours_apart=24 * 5)
    rows[:4] = [replace(row, versions={**row.versions, "churn_risk": "older"}) for row in rows[:4]]
    (some,) = labelled_scores(models, orders(("c0", 1.0)))
    (none,) = labelled_scores(models, orders(("c0", 1.0)))

    watch(rows, models, np.random.default_rng(0), (some,))
    watch(rows[20:], models, np.random.default_rng(0), (none,))

    assert some.finding.n_decisions == 15 - 4  # those of days 0 to 70
    assert none.finding is None
