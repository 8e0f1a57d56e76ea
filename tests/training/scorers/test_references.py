"""The real households: better than what others reach, on dates and windows that nothing learnt from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_the_scorers_beat_the_references_on_the_complete_journey(tmp_path: Path) -> None:
    from training.importing.complete_journey import import_complete_journey
    from training.scorers.model_card import references_of
    from training.scorers.run import fit_scorers
    from training.scorers.spec import scorer_specs

    import_complete_journey(tmp_path, seed=0)
    runs = fit_scorers(
        tmp_path, "complete-journey", scorer_specs(), test_as_of=datetime(2017, 11, 1, tzinfo=UTC)
    )
    measured = {run.spec.name: run.verdict.metrics for run in runs}
    references = [(run, reference) for run in runs for reference in references_of(run)]

    assert len(references) == 4
    assert all(run.verdict.metrics[each.metric] > each.value for run, each in references)
    assert measured["purchase_propensity"]["mean_actual"] == pytest.approx(0.559, abs=0.0005)
    assert measured["churn_risk"]["mean_actual"] == pytest.approx(1 - 0.830, abs=0.0005)
    assert measured["purchase_propensity"]["later_ece"] <= 0.02
    assert measured["churn_risk"]["later_ece"] <= 0.02
    assert measured["expected_value"]["mae"] < measured["expected_value"]["mae_of_the_mean"]
