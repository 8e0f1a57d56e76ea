"""Workers for tests that hold the soak's audit against a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.conftest import engine, make_worker, points

__all__ = ["engine", "make_worker", "points"]


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    """The address of an empty log on SQLite: the soak itself runs on PostgreSQL."""
    return f"sqlite:///{tmp_path / 'log.db'}"
