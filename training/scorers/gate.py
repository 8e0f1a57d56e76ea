"""May a scorer replace the champion? Both judged on the same customers at a date that neither has learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.artifact import Artifact
from models.feedback import Floats
from models.scorer import load_scorer
from training.dataset import Examples, read_orders
from training.evaluation.gate import Condition, GateReport
from training.importing.dataset import dataset_folder, read_manifest
from training.schedule import Schedule, last_test_as_of
from training.scorers.judge import measure
from training.scorers.measure import auc, average_ranks
from training.scorers.run import schedule_features
from training.scorers.spec import ScorerSpec, scorer_specs

WORST_LOSS: Final = 0.005
"""How much worse a scorer may rank (AUC, or rank correlation for amounts) at the low end of the paired interval."""
WORST_BIAS: Final = 0.1
"""How far the mean prediction may lie from the mean of what happened, as a share, unless the champion's lies farther."""
WORST_DECILE_ERROR: Final = 0.1
"""The same for the mean gap of deciles of amounts."""
RESAMPLES: Final = 300


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Two scorers' predictions for the same customers `(n_customers,)`, and what happened."""

    spec: ScorerSpec
    judged_as_of: datetime
    challenger: Floats
    champion: Floats
    actual: Floats


def hold_contest(var: Path, dataset: str, challenger: Artifact, champion: Artifact) -> Contest:
    """Both scorers at the latest date whose horizon lies in the data, features from Feast in a folder of its own.

    Raises `DatasetError`, `ArtifactError`.
    """
    folder = dataset_folder(var, dataset)
    manifest, orders, spec = read_manifest(folder), read_orders(folder), _spec_of(challenger.manifest)
    judged = last_test_as_of(orders.last_at, spec.horizon_days)
    schedule = Schedule(horizon_days=spec.horizon_days, trained=(), tested=judged, tested_later=(judged,))
    rows = schedule_features(var / "training" / f"{dataset}-gate", folder, orders, manifest, [schedule])
    examples = rows.labelled(orders, [judged], spec.horizon_days)
    return Contest(
        spec=spec,
        judged_as_of=judged,
        challenger=_predict(challenger, examples),
        champion=_predict(champion, examples),
        actual=spec.labels(examples),
    )


def judge_contest(
    contest: Contest, challenger: Artifact, champion: Artifact, rng: np.random.Generator
) -> GateReport:
    """The conditions: a later date, ranking no worse, calibrated, and no drift of the mean."""
    spec, actual = contest.spec, contest.actual
    ours, theirs = (measure(spec, p, actual) for p in (contest.challenger, contest.champion))
    conditions = [
        _later(contest, each, who) for each, who in ((challenger, "challenger"), (champion, "champion"))
    ]
    conditions += [_ranking(contest, rng), _calibration(spec, ours, theirs), _drift(ours, theirs)]
    return GateReport(conditions=tuple(conditions))


def _spec_of(manifest: dict[str, Any]) -> ScorerSpec:
    days = manifest["horizon_days"]
    specs = scorer_specs(purchase_days=days, churn_days=days, value_days=days)
    return next(spec for spec in specs if spec.name == manifest["name"])


def _predict(artifact: Artifact, examples: Examples) -> Floats:
    return load_scorer(artifact, examples.column_names).score_many(examples.vectors)


def _later(contest: Contest, artifact: Artifact, who: str) -> Condition:
    """The windows that it learnt from must have ended when the judged one began, and be of the same length."""
    days = artifact.manifest["horizon_days"]
    newest = max(datetime.fromisoformat(each) for each in artifact.manifest["trained_as_ofs"])
    ended = newest + timedelta(days=days)
    return Condition(
        name=f"later date than the {who}'s",
        holds=ended <= contest.judged_as_of and days == contest.spec.horizon_days,
        detail=f"judged at {contest.judged_as_of:%Y-%m-%d} over {contest.spec.horizon_days} days; "
        f"it learnt what happened until {ended:%Y-%m-%d} over {days} days",
    )


def _ranking(contest: Contest, rng: np.random.Generator) -> Condition:
    rank: Callable[[Floats, Floats], float] = _spearman if contest.spec.objective == "regression" else auc
    value = rank(contest.challenger, contest.actual) - rank(contest.champion, contest.actual)
    low, high = np.quantile(list(_resampled(contest, rank, rng)), [0.025, 0.975])
    return Condition(
        name="ranking",
        holds=bool(low >= -WORST_LOSS),
        detail=f"{'rank correlation' if rank is _spearman else 'AUC'} {value:+.4f}, 95% interval {low:+.4f} to "
        f"{high:+.4f}; its low end must not lie below {-WORST_LOSS:g}",
    )


def _resampled(
    contest: Contest, rank: Callable[[Floats, Floats], float], rng: np.random.Generator
) -> Iterator[float]:
    """Paired differences over customers drawn with replacement; a draw in which only one outcome occurs is none."""
    for _ in range(RESAMPLES):
        rows = rng.integers(len(contest.actual), size=len(contest.actual))
        actual = contest.actual[rows]
        if actual.min() < actual.max():
            yield rank(contest.challenger[rows], actual) - rank(contest.champion[rows], actual)


def _spearman(predicted: Floats, actual: Floats) -> float:
    return float(np.corrcoef(average_ranks(predicted), average_ranks(actual))[0, 1])


def _calibration(spec: ScorerSpec, ours: dict[str, float], theirs: dict[str, float]) -> Condition:
    """No farther off than chance allows twice over (amounts: than the stated share), or than the champion."""
    name, allowed = ("decile_error", WORST_DECILE_ERROR)
    if spec.objective == "binary":
        name, allowed = "ece", 2 * ours["ece_noise"]
    bound = max(allowed, theirs[name])
    return Condition(
        name="calibration",
        holds=ours[name] <= bound,
        detail=f"error {ours[name]:.4f}, the champion's {theirs[name]:.4f}; wanted at most {bound:.4f}",
    )


def _drift(ours: dict[str, float], theirs: dict[str, float]) -> Condition:
    gap, champion_gap = (abs(each["mean_predicted"] / each["mean_actual"] - 1) for each in (ours, theirs))
    bound = max(WORST_BIAS, champion_gap)
    return Condition(
        name="mean",
        holds=gap <= bound,
        detail=f"mean prediction {ours['mean_predicted']:.4g}, mean of what happened {ours['mean_actual']:.4g}: "
        f"{gap:.1%} apart; wanted at most {bound:.1%}",
    )
