"""Feature builds: customers a second and peak memory by the size of the base, on DuckDB and on Spark.

The targets: everybody's features of one time for a base of a million within an hour on two cores asks for 280 customers a
second of DuckDB; a laptop of 8 GB is to build 100,000 in half of its memory. Spark is for bases that one machine cannot
hold; here, where it has the same two cores, it has to end, not to win.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.features.shop_tables import write_shop
from benchmarks.target import Target, finish

SIZES: Final = (25_000, 50_000, 100_000)
SPARK_SIZES: Final = (25_000, 50_000)


@dataclass(frozen=True)
class Built:
    """One build: everybody's six views at one time."""

    customers: int
    seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Customers a second."""
        return self.customers / self.seconds


def measure_builds(folder: Path, spark_sizes: Sequence[int] = SPARK_SIZES) -> dict[str, list[Built]]:
    """What was measured by engine, by size; printed too. Without pyspark or Java nothing is on Spark, and that is said."""
    found = {"DuckDB": [_measured("duckdb", folder, size) for size in SIZES]}
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        print("no pyspark or no Java here: builds on Spark are not measured")
        return found
    return {**found, "Spark": [_measured("spark", folder, size) for size in spark_sizes]}


def build_targets(measured: Mapping[str, Sequence[Built]]) -> list[Target]:
    """The lines of the result."""
    duckdb = measured["DuckDB"]
    smallest, largest = duckdb[0], duckdb[-1]
    targets = [
        Target("build on DuckDB, customers/s at 100,000", largest.rate, "at least", 280.0),
        Target("build on DuckDB, peak memory at 100,000, MB", largest.peak_mb, "at most", 4_000.0),
        Target(
            "build on DuckDB, memory at four times the customers",
            largest.peak_mb / smallest.peak_mb,
            "at most",
            4.0,
        ),
    ]
    spark = measured.get("Spark")
    if spark:
        targets.append(Target("build on Spark, customers/s at its largest", spark[-1].rate, "at least", 50.0))
    return targets


def _measured(engine: str, folder: Path, customers: int) -> Built:
    dataset = folder / f"shop {customers}"
    if not dataset.exists():
        write_shop(dataset, customers)
    out = folder / f"{engine} {customers}"
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.features.build",
        engine,
        str(dataset),
        str(out),
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    built = Built(**json.loads(told.splitlines()[-1]))
    speed = f"{built.seconds:>7.1f} s {built.rate:>7,.0f}/s"
    print(f"{engine:<7} {built.customers:>9,} customers {speed} {built.peak_mb:>7,.0f} MB", flush=True)
    return built


def main() -> None:
    """`FOLDER`: measure builds alone, Spark at every size."""
    finish(build_targets(measure_builds(Path(sys.argv[1]), SIZES)))


if __name__ == "__main__":
    main()
