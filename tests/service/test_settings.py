"""Settings that nothing could work with are refused before anything starts, each by the name of its variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

REFUSED = {
    "GARDOON_TIME_ZONE": (
        "Europe/Nowhere",
        "wanted a time zone's name, such as Asia/Tehran; found 'Europe/Nowhere'",
    ),
    "GARDOON_POLL_SECONDS": ("inf", "Input should be a finite number; found 'inf'"),
    "GARDOON_LATE_OUTCOME_DAYS": ("1e9", "Input should be less than or equal to 3660; found '1e9'"),
    "GARDOON_IDEMPOTENCY_HOURS": ("0", "Input should be greater than 0; found '0'"),
    "GARDOON_LEARNER_METRICS_PORT": ("65536", "Input should be less than or equal to 65535; found '65536'"),
}


@pytest.mark.parametrize("command", ["serve", "learn", "verify"])
def test_a_command_names_every_setting_that_cannot_be(command: str) -> None:
    given = {name: value for name, (value, _) in REFUSED.items()}

    told = subprocess.run(
        [sys.executable, "-m", "service", command],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told.returncode == 1
    assert told.stdout == ""
    assert sorted(told.stderr.splitlines()) == sorted(
        f"{name}: {fault}" for name, (_, fault) in REFUSED.items()
    )
