"""The real households: better than what others reach, on dates and windows that nothing learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.inputs import SCORES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_the_scorers_beat_the_references_on_the_complete_journey(prepared: Path) -> None:
    from training.champion import read_version
    from training.dataset import customers_before, read_orders
    from training.importing.dataset import dataset_folder
    from training.prepare import DATASET, TEST_AS_OF
    from training.scorers.reference import references_for

    registry = f"sqlite:///{prepared / 'mlflow.db'}"
    fitted = {name: read_version(registry, name, "1").manifest for name in SCORES}
    orders = read_orders(dataset_folder(prepared, DATASET))
    rows = len(customers_before(orders, TEST_AS_OF))
    measured = {name: manifest["metrics"] for name, manifest in fitted.items()}
    references = [
        (name, reference)
        for name, manifest in fitted.items()
        for reference in references_for(name, manifest["horizon_days"], manifest["tested_as_of"][:10], rows)
    ]

    assert len(references) == 4
    assert all(measured[name][each.metric] > each.value for name, each in references)
    assert measured["purchase_propensity"]["mean_actual"] == pytest.approx(0.559, abs=0.0005)
    assert measured["churn_risk"]["mean_actual"] == pytest.approx(1 - 0.830, abs=0.0005)
    assert measured["purchase_propensity"]["later_ece"] <= 0.02
    assert measured["churn_risk"]["later_ece"] <= 0.02
    assert measured["expected_value"]["mae"] < measured["expected_value"]["mae_of_the_mean"]
