"""Take apart what the wheel's learning policy earns and what the talk's rule does.

    python -m benchmarks.wheel [--seeds 10] [--weeks 26] [--customers 30000] [--var var] [--page docs/wheel-policy.md]

The target: in the last quarter of the weeks the policy earns more than the rule, by more than the interval over seeds.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from benchmarks.target import finish
from benchmarks.wheel.page import targets_of, write_page
from benchmarks.wheel.run import Plan, open_base, run


def main() -> None:
    """Print a line a seed and a line a target; end with 1 where one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--customers", type=int, default=30_000)
    parser.add_argument("--var", type=Path, default=Path("var"), help="what `make run` prepared")
    parser.add_argument("--page", type=Path, default=Path("docs/wheel-policy.md"))
    given = parser.parse_args()
    plan = Plan(seeds=given.seeds, weeks=given.weeks, customers=given.customers)
    began, results = time.process_time(), []
    for result in run(open_base(given.var), plan):
        results.append(result)
        print(f"seed {len(results)} of {plan.seeds}, {time.process_time() - began:.0f} s", flush=True)
    command = shlex.join(["python", "-m", "benchmarks.wheel", *sys.argv[1:]])
    write_page(given.page, plan, results, command)
    finish(targets_of(plan, results))


if __name__ == "__main__":
    main()
