"""Fitted scorers: reproducible to the byte, calibrated, and the same scores wherever the artifact is read."""

from __future__ import annotations

import numpy as np
import pytest

from training.dataset import Examples
from training.scorers.spec import scorer_specs

pytestmark = pytest.mark.slow
SPECS = {spec.name: spec for spec in scorer_specs()}


@pytest.mark.parametrize("name", SPECS)
def test_the_same_examples_give_the_same_bytes(name: str, examples: Examples) -> None:
    from training.scorers.fit import fit_scorer

    artifacts = [fit_scorer(SPECS[name], examples).artifact({"metrics": {}}) for _ in range(2)]

    assert artifacts[0].to_bytes() == artifacts[1].to_bytes()


@pytest.mark.parametrize("name", SPECS)
def test_the_artifact_scores_as_the_fitted_scorer_does_whatever_the_columns_order(
    name: str, examples: Examples
) -> None:
    from models.artifact import Artifact
    from models.scorer import load_scorer
    from training.scorers.fit import fit_scorer

    fitted = fit_scorer(SPECS[name], examples)
    carried = Artifact.from_bytes(fitted.artifact({}).to_bytes())
    scorer = load_scorer(carried, ("another", *reversed(examples.column_names)))
    vectors = np.column_stack([np.full(len(examples.vectors), np.nan), examples.vectors[:, ::-1]])

    assert np.array_equal(scorer.score_many(vectors), fitted.predict(examples))


def test_a_column_with_one_value_is_left_out(examples: Examples) -> None:
    from training.scorers.fit import fit_scorer

    fitted = fit_scorer(SPECS["purchase_propensity"], examples)

    assert fitted.column_names == ("recency_days", "orders_28d")
    assert fitted.importance["recency_days"] > fitted.importance["orders_28d"]


def test_probabilities_of_customers_left_out_are_calibrated(examples: Examples) -> None:
    from training.scorers.fit import fit_scorer

    measured = fit_scorer(SPECS["purchase_propensity"], examples).out_of_fold

    # the seed is fixed; twice the mean by chance of perfect probabilities is about four deviations above it
    assert measured["ece"] < 2 * measured["ece_noise"]
    assert measured["auc"] > 0.75


def test_churn_is_the_complement_of_an_order(examples: Examples) -> None:
    from training.scorers.fit import fit_scorer

    churn = fit_scorer(SPECS["churn_risk"], examples)
    recency = examples.column("recency_days")

    assert (
        churn.spec.labels(examples).tolist() == (1 - SPECS["purchase_propensity"].labels(examples)).tolist()
    )
    assert churn.predict(examples)[recency > 40].mean() > churn.predict(examples)[recency < 5].mean()


def test_amounts_do_not_depend_on_the_unit_of_money(examples: Examples) -> None:
    from dataclasses import replace

    from training.scorers.fit import fit_scorer

    toman = fit_scorer(SPECS["expected_value"], examples).predict(examples)
    rial = fit_scorer(SPECS["expected_value"], replace(examples, spend=examples.spend * 1024)).predict(
        examples
    )

    assert rial == pytest.approx(toman * 1024, rel=1e-3)
