"""`fit policy` without the log: one policy's simulated warm start, beside the champion."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.running import run

pytestmark = pytest.mark.slow


def test_one_policy_is_started_anew_as_a_challenger_and_twice_the_same(prepared: Path) -> None:
    first, second = (
        run("training", "fit", "policy", "send_time_policy", "--seed", "1", var=prepared) for _ in range(2)
    )

    assert re.search(r"^send_time_policy: version \d+ is challenger$", first, re.MULTILINE)
    assert re.search(r"^send_time_policy: unchanged$", second, re.MULTILINE)
    assert "channel_policy" not in first
