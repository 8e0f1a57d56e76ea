"""What a decision costs over HTTP: Gardoon embedded and in production shape, a FastAPI endpoint that does nothing, Feast's
feature server, `mlflow models serve`, and a service that calls the same libraries the obvious way, all in one run.

    make bench-serving      or: python -m benchmarks.serving [--short] [--decisions N] [--out FILE] [--var FOLDER]

Wants Linux and two cores: servers have one, the load generator and the databases the other. `--short` takes two minutes of
a quiet machine and writes no page unless told where; its numbers are good for a look, not for a verdict. Prints the table of
full load and a line a target, short where the number misses the target itself. Ends with 1 only where one misses by more
than 15 %: ratios of a run are good to about 10 %.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.serving.judgement import targets_of
from benchmarks.serving.page import full_table, write_page
from benchmarks.serving.plan import LONG, SHORT
from benchmarks.serving.processes import OTHER_CORE, pin
from benchmarks.serving.run import measure
from benchmarks.target import finish

ROOT = Path(__file__).parents[2]
PAGE, TOLERANCE = ROOT / "docs" / "benchmark-serving.md", 0.15


def main() -> None:
    """Measure, write the page, print the lines."""
    options = _options()
    plan = SHORT if options.short else LONG
    given: dict[str, Any] = {"customers": options.customers} if options.customers else {}
    if options.decisions:
        given["decisions"] = dict.fromkeys(plan.decisions, options.decisions)
    pin((OTHER_CORE,))
    with (
        tempfile.TemporaryDirectory(prefix="gardoon-serving-") as name,
        warnings.catch_warnings(action="ignore"),
    ):
        results = measure(options.var, Path(name), replace(plan, **given))
    targets = targets_of(results)
    out = options.out or (None if options.short else PAGE)
    if out is not None:
        command = "python -m benchmarks.serving" + " --short" * options.short
        write_page(out, results, targets, command=command, tolerance=TOLERANCE)
    print(full_table(results))
    finish(targets, tolerance=TOLERANCE)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="within two minutes")
    parser.add_argument("--customers", type=int, help="how many may be asked about once")
    parser.add_argument("--decisions", type=int, help="how many are made to see whether memory grows")
    parser.add_argument("--out", type=Path, help=f"what to write the results into; the long form: {PAGE}")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="where everything is prepared")
    return parser.parse_args()


if __name__ == "__main__":
    main()
