from __future__ import annotations

import pytest

from training.evaluation.errors import EvaluationError
from training.evaluation.interval import t_interval


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(EvaluationError, match="wanted between 0 and 1"):
        t_interval(0.0, 1.0, 10.0, level)


def test_few_degrees_of_freedom_widen_the_interval():
    few, many = (t_interval(0.0, 1.0, freedom, 0.95)[1] for freedom in (3, 1e6))

    assert few == pytest.approx(3.182, abs=1e-3)
    assert many == pytest.approx(1.960, abs=1e-3)
