"""Feast's import: without its checks, and without taking anybody else's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.service.real_shop import ROOT

CODE = """
import sys, typeguard
before = typeguard.typechecked
from features.feast_import import import_feast
assert "feast" not in sys.modules
import_feast()
assert "feast" in sys.modules
assert typeguard.typechecked is before
import feast
for part in (feast.FeatureView, feast.Entity, feast.FeatureService):
    assert "TypeCheckMemo" not in part.__init__.__code__.co_names, part
import_feast()
"""


@pytest.mark.slow
def test_feast_is_imported_unchecked_and_typeguard_is_left_as_it_was() -> None:
    subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, check=True)
