"""Secrets in files: one for all workers, however they start."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service.secret_file import read_or_create_secret


def test_workers_that_start_at_the_same_moment_agree_on_one_whole_secret(tmp_path: Path) -> None:
    for attempt in range(50):
        path = tmp_path / str(attempt) / "some.key"

        with ThreadPoolExecutor(8) as pool:
            secrets = set(pool.map(read_or_create_secret, [path] * 8))

        assert len(secrets) == 1
        assert len(secrets.pop()) == 32


def test_only_its_owner_can_read_the_secret_and_nothing_else_is_left(tmp_path: Path) -> None:
    read_or_create_secret(tmp_path / "some.key")

    assert [path.name for path in tmp_path.iterdir()] == ["some.key"]
    assert stat.S_IMODE((tmp_path / "some.key").stat().st_mode) == 0o600
