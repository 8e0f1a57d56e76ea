"""A process beside the service is started again when it ends, and ended with the service."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from service.supervisor import KeptProcess


def test_a_process_that_ends_is_started_again_and_none_is_left_behind(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    script = f"import pathlib, sys; f = open({str(starts)!r}, 'a'); f.write('x'); f.close(); sys.exit(3)"

    with KeptProcess((sys.executable, "-c", script), pause_seconds=0.0):
        end = time.monotonic() + 20
        while time.monotonic() < end and (not starts.exists() or len(starts.read_text()) < 3):
            time.sleep(0.05)

    after = len(starts.read_text())
    assert after >= 3
    time.sleep(0.5)
    assert len(starts.read_text()) == after


def test_leaving_ends_a_running_process() -> None:
    with KeptProcess((sys.executable, "-c", "import time; time.sleep(600)")) as kept:
        pid = kept.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
