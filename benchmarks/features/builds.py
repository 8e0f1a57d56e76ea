"""Feature builds: customers a second and peak memory by the size of the base, on DuckDB and on Spark."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.features.shop_tables import write_shop
from benchmarks.target import Target, finish

SIZES: Final = (25_000, 50_000, 100_000)
SPARK_SIZES: Final = (25_000,)


@dataclass(frozen=True)
class Built:
    """One build: everybody's six views at one time."""

    customers: int
    seconds: float
    peak_mb: float


def build_targets(folder: Path, spark_sizes: Sequence[int] = SPARK_SIZES) -> list[Target]:
    """The lines of the result; what each size took is printed.

    Without pyspark or Java nothing is measured on Spark, and that is said.
    """
    duckdb = [_measured("duckdb", folder, size) for size in SIZES]
    smallest, largest = duckdb[0], duckdb[-1]
    targets = [
        Target(
            "build on DuckDB, customers/s at 100,000", largest.customers / largest.seconds, "at least", 500.0
        ),
        Target("build on DuckDB, peak memory at 100,000, MB", largest.peak_mb, "at most", 4_000.0),
        Target(
            "build on DuckDB, memory at four times the customers",
            largest.peak_mb / smallest.peak_mb,
            "at most",
            4.0,
        ),
    ]
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        print("no pyspark or no Java here: builds on Spark are not measured")
        return targets
    spark = [_measured("spark", folder, size) for size in spark_sizes][-1]
    return [
        *targets,
        Target("build on Spark, customers/s", spark.customers / spark.seconds, "at least", 50.0),
    ]


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
    rate = built.customers / built.seconds
    print(
        f"{engine:<7} {built.customers:>9,} customers {built.seconds:>7.1f} s {rate:>7,.0f}/s {built.peak_mb:>7,.0f} MB",
        flush=True,
    )
    return built


def main() -> None:
    """`FOLDER`: measure builds alone, Spark at every size."""
    finish(build_targets(Path(sys.argv[1]), SIZES))


if __name__ == "__main__":
    main()
