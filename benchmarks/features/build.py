"""Builds a data set's features on an engine and prints what that took, as JSON: a process of its own."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from benchmarks.features.fill import peak_mb
from benchmarks.features.settings import AS_OF
from features.engine import EngineName, open_engine
from features.offline import build_snapshots


def main() -> None:
    """`ENGINE DATASET OUT`."""
    name: EngineName = "spark" if sys.argv[1] == "spark" else "duckdb"
    dataset, out = map(Path, sys.argv[2:])
    began = time.perf_counter()
    with open_engine(name, work=out / "spark") as engine:
        rows = build_snapshots(dataset, [AS_OF], out, engine=engine)
        seconds = time.perf_counter() - began
        told = {"customers": max(rows.values()), "seconds": seconds, "peak_mb": peak_mb() + _java_mb()}
    print(json.dumps(told))


def _java_mb() -> float:
    """The most memory that Spark's own process, a child of this one, ever held."""
    found = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text(encoding="ascii")
        except OSError:  # it ended meanwhile
            continue
        peak = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
        if peak and re.search(r"^Name:\s+java$", text, re.MULTILINE) and _is_ours(text):
            found += int(peak[1]) / 1024
    return found


def _is_ours(text: str) -> bool:
    return f"\nPPid:\t{os.getpid()}\n" in text


if __name__ == "__main__":
    main()
