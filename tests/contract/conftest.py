"""The service's worker, for tests of what other packages read of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.service.conftest import make_worker, points

__all__ = ["make_worker", "points"]


@pytest.fixture
def log_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A log on SQLite alone: these tests play thousands of decisions, and `tests/service` plays on both databases."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'log.db')}"
