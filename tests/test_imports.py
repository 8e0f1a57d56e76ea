"""The import table: who may import whom, and what the fast tests and the maths must not pull in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {
    "gardoon_client",
    "service",
    "models",
    "features",
    "training",
    "feature_repo",
    "journeys",
    "benchmarks",
}
MAY_IMPORT = {
    "models": set(),
    "features": set(),
    "service": {"models", "features"},
    "training": {"models", "features"},
    "feature_repo": set(),
    "gardoon_client": set(),
    "journeys": {"gardoon_client"},
}
HEAVY = {"feast", "mlflow", "lightgbm", "pandas", "sklearn"}
OF_PAGES = {"jinja2", "babel"}
"""What the console alone needs, and imports with its first page."""


def imported_packages(path: Path, *, at_import_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.iter_child_nodes(tree) if at_import_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    for path in sources(package):
        others = imported_packages(path) & OURS - {package}

        assert others <= MAY_IMPORT[package], (
            f"{path.relative_to(ROOT)} imports {others - MAY_IMPORT[package]}"
        )


def test_every_package_has_sources_to_check() -> None:
    assert all(sources(package) for package in MAY_IMPORT)


def test_the_client_needs_nothing_but_httpx() -> None:
    imported = {name for path in sources("gardoon_client") for name in imported_packages(path)}

    assert imported - sys.stdlib_module_names <= {"gardoon_client", "httpx"}


def test_lightgbm_is_imported_by_the_scorer_alone_in_what_serves() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for package in ("models", "features", "service")
        for path in sources(package)
        if "lightgbm" in imported_packages(path)
    }

    assert importers == {"models/scorer.py"}


def test_importing_the_application_pulls_in_nothing_heavy() -> None:
    code = "import sys, service.app, service.learner, service.verify; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not (HEAVY | OF_PAGES) & set(loaded)


def test_the_maths_reads_no_clock_environment_or_global_generator() -> None:
    forbidden = {"time", "random", "os", "secrets"}
    for path in sources("models"):
        assert not imported_packages(path) & forbidden, path
