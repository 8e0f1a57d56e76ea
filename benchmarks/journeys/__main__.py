"""Simulate the journeys and write their rates and values.

    python -m benchmarks.journeys [--customers 200000] [--waves 20] [--var var] [--page docs/benchmark-journeys.md]

The target: what the policies decide earns more than what is drawn evenly, by more than the interval of the difference.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.journeys.page import lead, write_page
from benchmarks.journeys.run import Plan, simulate
from benchmarks.journeys.shop import open_shop
from benchmarks.journeys.tally import together
from benchmarks.target import Target, finish

TIME_ZONE = "America/New_York"
"""Of the data's households."""


def main() -> None:
    """Print each wave and a line a target; end with 1 where one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--waves", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--var", type=Path, default=Path("var"), help="what `make run` prepared")
    parser.add_argument("--page", type=Path, default=Path("docs/benchmark-journeys.md"))
    given = parser.parse_args()
    plan = Plan(
        customers=given.customers,
        waves=given.waves,
        first=datetime(2018, 1, 1, tzinfo=UTC),
        seed=given.seed,
        processes=given.processes,
    )
    command = shlex.join(["python", "-m", "benchmarks.journeys", *sys.argv[1:]])
    targets: list[Target] = []
    for simulated in simulate(open_shop(given.var, TIME_ZONE), plan):
        print(
            f"{simulated.customers:,} of {plan.customers:,} customers, {simulated.seconds:.0f} s", flush=True
        )
        ahead = lead(together(simulated.waves), "random", simulated.customers)
        found = f"{ahead.value:,.1f} ± {ahead.half_width:,.1f}"
        name = f"expected net value a customer, decisioning less random ({found}); lower end"
        targets = [Target(name, ahead.value - ahead.half_width, "more than", 0.0)]
        write_page(
            given.page, simulated, plan, targets, command
        )  # a run that is stopped leaves what it has found
    finish(targets)


if __name__ == "__main__":
    main()
