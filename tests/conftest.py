"""Fixtures that several packages' tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.features.conftest import backend, busy_shop
from tests.running import run

__all__ = ["backend", "busy_shop"]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `python -m training prepare` has run: real data, features, registered models, online store."""
    var = tmp_path_factory.mktemp("prepared")
    run("training", "prepare", var=var)
    return var
