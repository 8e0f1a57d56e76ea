"""A judgement as the record of an MLflow run, and as plain data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from training.evaluation.estimator import Estimate
from training.evaluation.judgement import Judgement
from training.evaluation.report import estimate_rows
from training.registry import RunRecord

_DIAGNOSTICS: Final = (
    "n_rounds",
    "n_weighted",
    "n_rewarded",
    "mean_reward",
    "mean_weight",
    "effective_sample_size",
    "largest_weight",
    "pareto_k",
    "unsupported_share",
)
_ESTIMATE: Final = ("value", "standard_error", "low", "high", "effective_sample_size")
_DIFFERENCE: Final = ("value", "low", "high")
REPORT: Final = "report.html"
RESULT: Final = "evaluation.json"
TABLE: Final = "evaluation.txt"


def record_of(
    found: Judgement, parameters: Mapping[str, Any], tags: Mapping[str, str], *, table: str, page: str
) -> RunRecord:
    """What the run is to hold: finite numbers as metrics, the verdict as a tag, and the report as text, data and page."""
    return RunRecord(
        parameters=parameters,
        metrics=metrics_of(found),
        tags={**tags, "verdict": str(found.evaluation.verdict.grade)},
        files={TABLE: table, RESULT: json.dumps(result_of(found), indent=1), REPORT: page},
    )


def metrics_of(found: Judgement) -> dict[str, float]:
    """The diagnostics, `ESTIMATOR_value` and so on, and `difference_ESTIMATOR_value` and so on; finite ones only."""
    diagnostics = vars(found.evaluation.diagnostics)
    numbers = {name: float(diagnostics[name]) for name in _DIAGNOSTICS}
    for estimate in found.evaluation.estimates:
        if isinstance(estimate, Estimate):
            numbers |= {f"{estimate.estimator}_{name}": float(getattr(estimate, name)) for name in _ESTIMATE}
    for difference in found.differences:
        start = f"difference_{difference.estimator}"
        numbers |= {f"{start}_{name}": float(getattr(difference, name)) for name in _DIFFERENCE}
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def result_of(found: Judgement) -> dict[str, Any]:
    """All that was found as JSON can hold it: numbers that are not finite are null."""
    result = {
        "verdict": asdict(found.evaluation.verdict),
        "diagnostics": asdict(found.evaluation.diagnostics),
        "estimates": estimate_rows(found.evaluation),
        "differences": [asdict(each) for each in found.differences],
        "bernstein": found.bernstein,
        "actions": [asdict(each) for each in found.actions],
        "slices": [asdict(each) for each in found.slices],
        "level": found.level,
        "n_resamples": found.n_resamples,
    }
    return {name: _finite(value) for name, value in result.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
