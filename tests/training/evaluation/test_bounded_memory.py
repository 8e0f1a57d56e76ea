"""The decision log is read in chunks: three times the rounds take three times the time and no more memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.evaluation.generated_log import write_log
from training.evaluation.round_spool import CHUNK

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


def peak_mb(folder: Path, n_rounds: int) -> float:
    """Peak memory of judging a generated log, as the command itself states it."""
    database = folder / f"{n_rounds}.db"
    write_log(database, n_rounds)
    command = [
        sys.executable,
        "-m",
        "training",
        "evaluate",
        "--log",
        "decisions:channel",
        "--policy",
        "uniform",
    ]
    options = [
        "--against",
        "logged",
        "--no-log",
        "--var",
        str(folder),
        "--database-url",
        f"sqlite:///{database}",
    ]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=True)
    found = re.search(rf"{n_rounds:,} rounds in \d+ s, peak\s+memory\s+([\d,]+)\s+MB", done.stdout)
    assert found, done.stdout
    return float(found.group(1).replace(",", ""))


def test_a_log_three_times_as_long_takes_no_more_memory(tmp_path):
    """50,000 rounds more of 60 inputs are 24 MB, and as much again wherever they are copied: 15 MB more would be seen."""
    short, long = (peak_mb(tmp_path, n_rounds) for n_rounds in (CHUNK + 5_000, 3 * CHUNK + 15_000))

    assert long < short + 15
    assert not list(tmp_path.glob("rounds-*"))  # the files are gone
