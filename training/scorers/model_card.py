"""A scorer's model card, written from the facts of its run."""

from __future__ import annotations

from collections.abc import Iterable

from training.scorers.calibration import N_BINS
from training.scorers.fit import CALIBRATION_AS_OFS, N_FOLDS
from training.scorers.reference import Reference, references_for
from training.scorers.run import ScorerRun

_EXPLAINED = {
    "auc": "a buyer is scored above a non-buyer this often",
    "log_loss": "mean negative log likelihood",
    "brier": "mean squared error of the probability",
    "ece": f"expected calibration error, {N_BINS} bins of equal mass",
    "ece_noise": "the error a perfectly calibrated scorer would show by chance on so many rows",
    "lift_top_10": "mean outcome of the tenth scored highest / mean of all",
    "mean_predicted": "mean score",
    "mean_actual": "mean outcome",
    "rows": "customers at as-of dates",
    "spearman": "rank correlation",
    "gini": "share of the best possible concentration",
    "mae": "mean absolute error",
    "mae_of_the_mean": "the same error if everyone were given the mean",
    "decile_error": f"mean gap of {N_BINS} bins of equal mass / mean outcome",
}


def references_of(run: ScorerRun) -> tuple[Reference, ...]:
    """The references that answer the same question as the run."""
    rows = len(run.verdict.actual)
    return references_for(run.spec.name, run.spec.horizon_days, f"{run.schedule.tested:%Y-%m-%d}", rows)


def write_model_card(run: ScorerRun, code: str) -> str:
    """The card as Markdown; `code` is the version of the code."""
    sections = (_purpose(run), _data(run), _method(run), _measures(run), _references(run), _limits(run))
    head = f"# {run.spec.name}\n\nArtifact `{run.artifact.digest}`, code `{code}`.\n"
    return "\n".join((head, *("\n".join(section) + "\n" for section in sections)))


def _purpose(run: ScorerRun) -> Iterable[str]:
    yield "## Purpose"
    yield f"For one customer who has ordered before, at one moment: {run.spec.title}."
    if run.spec.objective == "binary":
        yield "The answer is a calibrated probability."
    else:
        yield f"The answer is an amount in {run.dataset.currency}."
    yield "It informs which coupon, channel and time a policy chooses; it says nothing of what a message would change."


def _data(run: ScorerRun) -> Iterable[str]:
    data, schedule = run.dataset, run.schedule
    yield "## Data"
    yield f"`{data.name}`: {data.source}; ends at {data.ends_at}; fingerprint `{data.fingerprint}`."
    yield from (f"- {note}" for note in data.notes)
    if data.simulated:
        yield f"- simulated, and therefore kept from this scorer: {', '.join(f'`{label}`' for label in data.simulated)}"
    yield f"- learnt at {len(schedule.trained)} as-of dates: {', '.join(f'{t:%Y-%m-%d}' for t in schedule.trained)}"
    yield f"- tested at {schedule.tested:%Y-%m-%d}; every training window ends there or before"
    yield f"- features: {', '.join(f'`{name}`' for name in run.fitted.column_names)}"


def _method(run: ScorerRun) -> Iterable[str]:
    yield "## Method"
    yield f"LightGBM, {run.spec.settings.rounds} trees of {run.spec.settings.num_leaves} leaves; {run.spec.settings}."
    if run.fitted.calibration:
        a, b = run.fitted.calibration
        yield f"Platt scaling 1 / (1 + exp(-({a:.4f} z + {b:.4f}))), fitted to margins out of {N_FOLDS} folds by customer"
        yield f"at the newest {CALIBRATION_AS_OFS} training dates."


def _measures(run: ScorerRun) -> Iterable[str]:
    metrics = run.verdict.metrics
    n_later = int(metrics["later_as_ofs"])
    yield "## Measures"
    yield f"| | at the test date | {n_later} test dates pooled | out of fold, training dates | |"
    yield "|---|---|---|---|---|"
    for name, explained in _EXPLAINED.items():
        if name in metrics:
            found = (metrics[f"{prefix}{name}"] for prefix in ("", "later_", "out_of_fold_"))
            yield f"| {name} | {' | '.join(f'{value:,.4g}' for value in found)} | {explained} |"
    yield ""
    yield "Pooled dates share customers, and windows longer than a week overlap: they are not independent."


def _references(run: ScorerRun) -> Iterable[str]:
    found = references_of(run)
    yield "## References"
    if not found:
        yield "None is known for this question on these data."
    for reference in found:
        measured = run.verdict.metrics[reference.metric]
        yield f"- {reference.of}: {reference.metric} {reference.value:.3f}; this scorer {measured:.4f}"
    if "recency_alone_auc" in run.verdict.metrics:
        yield f"- ordering by recency alone, computed here: auc {run.verdict.metrics['recency_alone_auc']:.4f}"


def _limits(run: ScorerRun) -> Iterable[str]:
    yield "## Limits"
    yield "- Only customers with an order are in the data; for anyone else the answer is an extrapolation."
    yield "- The relation learnt is that of the training dates: a season not among them is not known to it."
    yield "- Correlation, not effect: a high score does not say that a coupon would raise it."
    if run.dataset.amount_scale != 1:
        yield f"- Amounts are scaled by {run.dataset.amount_scale:g} from the source's currency."
