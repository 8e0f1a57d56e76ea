"""Ten million logged rounds from a Parquet file, judged in bounded memory.

    make bench        or: python -m benchmarks.long_log [--rounds 10000000]

Writes the rounds of a randomised test with three actions into a temporary file, then runs `python -m training evaluate` on
a tenth of them and on all, each in a process of its own whose peak memory is read off when it ends.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.target import Target, finish

CHUNK = 100_000
ACTIONS = np.array(["a", "b", "c"])


def main() -> None:
    """Write, judge, tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=int, default=10_000_000)
    n_rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="gardoon-rounds-") as folder:
        tenth, whole = (Path(folder) / name for name in ("tenth.parquet", "whole.parquet"))
        write_rounds(tenth, n_rounds // 10)
        write_rounds(whole, n_rounds)
        _, small = judge(tenth)
        seconds, large = judge(whole)
    print(f"{n_rounds:,} rounds judged in {seconds:.0f} s")
    name = f"peak memory of {n_rounds:,} rounds in MB"
    growth = f"{name} over that of a tenth of them"
    finish([Target(name, large, "at most", 500.0), Target(growth, large / small, "at most", 1.25)])


def write_rounds(path: Path, n_rounds: int) -> None:
    """Rounds with three inputs and a click that action and first input make more probable."""
    rng, writer = np.random.default_rng(0), None
    for _ in range(max(n_rounds // CHUNK, 1)):
        inputs, actions = rng.normal(size=(CHUNK, 3)), rng.integers(0, 3, CHUNK)
        rewards = (rng.random(CHUNK) < 0.05 + 0.03 * actions + 0.01 * (inputs[:, 0] > 0)).astype(np.float64)
        columns = {"action": ACTIONS[actions], "reward": rewards, "propensity": np.full(CHUNK, 1 / 3)}
        table = pa.table({**columns, **{f"x{place}": inputs[:, place] for place in range(3)}})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def judge(path: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of judging "always c" on the file."""
    command = [sys.executable, "-m", "training", "evaluate", "--log", f"file:{path}", "--policy", "always:c"]
    inputs = [word for place in range(3) for word in ("--input", f"x{place}")]
    started_at = time.monotonic()
    process = subprocess.Popen(
        [*command, *inputs, "--no-log", "--var", str(path.parent)], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"evaluate ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started_at, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
