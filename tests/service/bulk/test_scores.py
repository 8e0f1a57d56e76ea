"""Scores of many rows are those of each row alone, to the bit, whatever rows are beside it."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import load_schema
from models.inputs import SCORES
from tests.service.real_shop import small_scorer

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", SCORES)
def test_a_score_does_not_depend_on_the_rows_beside_it(name: str) -> None:
    from models.scorer import load_scorer

    columns = load_schema().columns
    scorer = load_scorer(small_scorer(name, 3), columns)
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(1001, len(columns))) * 3
    rows[rng.random(rows.shape) < 0.1] = np.nan

    together = scorer.score_many(rows)

    assert together.tolist() == [scorer.score(row) for row in rows]
    assert together.tolist()[500:507] == scorer.score_many(rows[500:507]).tolist()
