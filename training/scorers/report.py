"""What was measured, as tables for a terminal."""

from __future__ import annotations

from rich.table import Table

from training.scorers.model_card import references_of
from training.scorers.run import ScorerRun

ECE_LIMIT = 0.02


def measured_table(run: ScorerRun) -> Table:
    """The scorer's measures at its test date beside the references."""
    tested, n_rows = run.schedule.tested, len(run.verdict.actual)
    table = Table(
        title=f"{run.spec.name}: {run.spec.title}, {n_rows:,} customers at {tested:%Y-%m-%d}",
        title_justify="left",
    )
    table.add_column("metric")
    table.add_column("measured", justify="right")
    table.add_column("reference")
    for line in _lines(run):
        table.add_row(*line)
    return table


def _lines(run: ScorerRun) -> list[tuple[str, str, str]]:
    metrics = run.verdict.metrics
    if run.spec.objective == "regression":
        named = ("spearman", "gini", "decile_error", "lift_top_10")
        lines = [(name, f"{metrics[name]:.4f}", "") for name in named]
        return [
            *lines,
            ("mae", f"{metrics['mae']:,.0f}", f"{metrics['mae_of_the_mean']:,.0f} giving all the mean"),
        ]
    found = [f"{reference.value:.3f} {reference.of}" for reference in references_of(run)]
    beside = "; ".join(found) or f"{metrics['recency_alone_auc']:.3f} recency alone"
    pooled = f"ece, {metrics['later_as_ofs']:.0f} test dates pooled"
    return [
        ("auc", f"{metrics['auc']:.4f}", beside),
        ("ece", f"{metrics['ece']:.4f}", f"{metrics['ece_noise']:.4f} by chance if perfectly calibrated"),
        (
            pooled,
            f"{metrics['later_ece']:.4f}",
            f"{ECE_LIMIT} at most; {metrics['later_ece_noise']:.4f} by chance",
        ),
        ("log_loss", f"{metrics['log_loss']:.4f}", ""),
        ("lift_top_10", f"{metrics['lift_top_10']:.2f}", ""),
    ]
