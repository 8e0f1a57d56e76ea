"""The project's own files keep their promises: locks, Makefile, continuous integration."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.service_image import normal

ROOT = Path(__file__).parent.parent


def locked(name: str) -> dict[str, set[str]]:
    """Versions by package; a package may have several, for different Pythons."""
    found: dict[str, set[str]] = {}
    for match in re.finditer(
        r"^([A-Za-z0-9._-]+)(?:\[.*\])?==([^\s;]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE
    ):
        found.setdefault(normal(match[1]), set()).add(match[2])
    return found


def wanted(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\s\[<>=;!~]", text)[0]) for text in requirements}


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = wanted(project["project"]["dependencies"])
    groups = {
        name: [each for each in group if isinstance(each, str)]
        for name, group in project["dependency-groups"].items()
    }
    training, dev, journeys = (wanted(groups[group]) for group in ("training", "dev", "journeys"))

    assert core <= locked("serve.lock").keys()
    assert core | training <= locked("run.lock").keys()
    assert core | training | dev <= locked("dev.lock").keys()
    assert core | journeys | wanted(groups["client"]) <= locked("journeys.lock").keys()


def test_the_locks_are_of_one_resolution() -> None:
    serve, run, journeys, dev = (locked(f"{name}.lock") for name in ("serve", "run", "journeys", "dev"))

    assert all(run[package] == versions for package, versions in serve.items())
    assert all(journeys[package] == versions for package, versions in serve.items())
    assert all(dev[package] == versions for package, versions in journeys.items())
    assert all(dev[package] == versions for package, versions in run.items())


def test_locks_pin_hashes_and_name_no_address() -> None:
    for path in (ROOT / "requirements").glob("*.lock"):
        text = path.read_text()
        assert "://" not in text, path
        assert text.count("--hash=sha256:") >= len(locked(path.name)), path


def test_the_makefile_has_at_most_ten_targets_and_ci_calls_its_own() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert len(targets) <= 10
    assert {"run", "test", "check"} <= set(targets)
    called = re.findall(r"^make (\w+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert called == ["check", "test"]


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it; of `from a import b` both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules_that_serve() -> dict[str, Path]:
    """Our modules that the service's processes can reach, by name."""
    waiting = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in (ROOT / "service").rglob("*.py")}
    reached: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        if path.is_file() and name not in reached:
            reached[name] = path
            waiting |= {
                m for m in imported_modules(path) if m.startswith(("service.", "models.", "features."))
            }
    return reached


OPTIONAL = {
    "service.bulk.on_spark": {"pyspark"},
    "features.spark_engine": {"pyspark"},
    "models.packing": {"compression"},
}
"""What a module imports only when it is asked to, saying how it is installed where it is not; or on a newer Python."""


def test_what_serves_imports_only_what_the_service_image_installs() -> None:
    installed = packages_distributions()
    serve = locked("serve.lock").keys()
    reached = modules_that_serve()

    assert {"features.online", "models.scorer", "service.learning"} <= reached.keys()
    for name, path in reached.items():
        tops = {module.split(".")[0] for module in imported_modules(path)}
        for top in (
            tops - {"service", "models", "features"} - sys.stdlib_module_names - OPTIONAL.get(name, set())
        ):
            names = {normal(distribution) for distribution in installed[top]}
            assert names & serve, f"{name} imports {top}, which is not in serve.lock"
