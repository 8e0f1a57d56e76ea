"""What a challenger said in shadow, compared: numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.shadow import (
    ShadowReport,
    compare_policies,
    compare_scorers,
    shadow_record,
    shadow_table,
)
from training.shadow_log import Purchases, ShadowLog

DAY = 86_400_000_000


def log(**columns: object) -> ShadowLog:
    """Four decisions a day apart, of customers a, b, a, c."""
    values = {
        "decided_at_us": np.arange(4) * DAY,
        "customers": np.array(["a", "b", "a", "c"]),
        "groups": np.array(["decisioning", "decisioning", "random", "decisioning"]),
        "actions": np.array(["email", "sms", "email", "email"]),
        "challenger": np.array([0.9, 0.2, 0.8, 0.1]),
        "champion": np.array([0.5, 0.4, 0.3, 0.2]),
        "agreements": np.array([0.6, 0.8, 0.1, 1.0]),
    }
    return ShadowLog(**{**values, **columns})


def bought(*, known_until_days: float, **days: list[float]) -> Purchases:
    return Purchases(
        times_us={c: (np.array(found) * DAY).astype(np.int64) for c, found in days.items()},
        known_until_us=int(known_until_days * DAY),
    )


def numbers(report: ShadowReport) -> dict[str, tuple[float | None, float | None]]:
    return {line.name: (line.challenger, line.champion) for line in report.lines}


def test_scores_are_compared_decision_by_decision() -> None:
    found = numbers(compare_scorers("expected_value", "3", log(), bought(known_until_days=9), 90))

    assert found["decisions"] == (4, None)
    assert found["mean score"] == pytest.approx((0.5, 0.35))
    assert found["mean difference"][0] == pytest.approx(0.15)
    assert found["50% quantile of the difference"][0] == pytest.approx((0.4 - 0.1) / 2)
    assert found["rank correlation"][0] == pytest.approx(0.8)
    assert "auc" not in found


def test_a_purchase_counts_for_every_decision_of_its_customer_within_the_horizon() -> None:
    purchases = bought(known_until_days=9, a=[2.5], b=[4.0], c=[2.9])

    closed, happened = purchases.within(log(), 2 * DAY)

    assert closed.tolist() == [True] * 4
    assert happened.tolist() == [0, 0, 1, 0]  # a's first is half a day too early, b's too, c bought before


def test_only_decisions_whose_horizon_has_passed_are_judged() -> None:
    purchases = bought(known_until_days=4.5, a=[0.5], b=[1.5])

    report = compare_scorers("purchase_propensity", "3", log(), purchases, 3)

    assert "2 decisions are 3 days old, 2 of them followed by a purchase" in report.notes[0]
    assert numbers(report)["auc"] == (None, None)  # nobody did not buy


def test_both_scorers_are_measured_against_what_came_back() -> None:
    purchases = bought(known_until_days=99, a=[0.5, 2.5])

    propensity, churn = (
        numbers(compare_scorers(name, "3", log(), purchases, 3))
        for name in ("purchase_propensity", "churn_risk")
    )

    assert propensity["auc"] == (1.0, 0.75)
    assert propensity["mean_actual"] == (0.5, 0.5)
    assert churn["auc"] == (0.0, 0.25)


def test_policies_are_compared_where_the_champion_decided() -> None:
    report = compare_policies("channel_policy", "5", log())

    found = numbers(report)
    assert found["decisions"] == (3, None)
    assert found["agreement"][0] == pytest.approx(0.8)
    assert found["mean probability of the logged action"] == pytest.approx((0.4, 1.1 / 3))
    assert found["... where that was email (2)"] == pytest.approx((0.5, 0.35))
    assert found["... where that was sms (1)"] == pytest.approx((0.2, 0.4))
    assert report.notes[0].startswith("1 decisions of other groups")


def test_the_record_holds_every_number_and_the_table_a_dash_for_none() -> None:
    report = compare_scorers("purchase_propensity", "3", log(), bought(known_until_days=0), 3)

    record, table = shadow_record(report), shadow_table(report)

    assert record.metrics["challenger_mean_difference"] == pytest.approx(0.15)
    assert "challenger_auc" not in record.metrics
    cells = dict(zip(table.columns[0].cells, table.columns[1].cells, strict=True))
    assert cells["auc"] == "-"
    assert cells["mean score"] == "0.5"
