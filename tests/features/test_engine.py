"""Engines: results do not depend on the number of threads, and what is missing is said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from features.engine import DuckdbEngine, EngineError, duckdb_backend, open_engine
from features.offline import build_snapshots
from features.schema import load_schema
from tests.running import ROOT

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


def test_the_number_of_threads_changes_no_byte(busy_shop: Callable[[], Any], tmp_path: Path) -> None:
    dataset = busy_shop().write(tmp_path / "shop")
    for threads in (1, 4):
        with duckdb_backend(threads=threads) as backend:
            build_snapshots(dataset, [AS_OF], tmp_path / str(threads), engine=DuckdbEngine(backend))

    for view in load_schema().views:
        one, four = (tmp_path / threads / f"{view.name}.parquet" for threads in ("1", "4"))
        assert one.read_bytes() == four.read_bytes()


def test_spark_without_pyspark_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)

    with pytest.raises(EngineError, match="uv pip install 'pyspark"), open_engine("spark", work=tmp_path):
        pass


def test_spark_without_java_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(EngineError, match="needs Java 17"), open_engine("spark", work=tmp_path):
        pass


@pytest.mark.slow
def test_a_java_that_is_none_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="Spark is in the group `spark`")
    code = (
        "from features.engine import EngineError\nfrom features.spark_engine import open_spark\nfrom pathlib import Path\n"
        "try:\n    open_spark(Path()).__enter__()\nexcept EngineError as error:\n    print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**os.environ, "JAVA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("Spark does not start at local[*], which needs Java 17")
