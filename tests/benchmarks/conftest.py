"""Workers for tests that hold the soak's audit against a log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.service.conftest import make_worker, points

__all__ = ["make_worker", "points"]


@pytest.fixture
def log_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of an empty log on SQLite: the soak itself runs on PostgreSQL."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'log.db')}"
