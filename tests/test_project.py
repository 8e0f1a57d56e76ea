"""The project's own files keep their promises: locks, Makefile, continuous integration."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def locked(name: str) -> dict[str, set[str]]:
    """Versions by package; a package may have several, for different Pythons."""
    found: dict[str, set[str]] = {}
    for match in re.finditer(
        r"^([A-Za-z0-9._-]+)(?:\[.*\])?==([^\s;]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE
    ):
        found.setdefault(match[1].lower().replace("_", "-"), set()).add(match[2])
    return found


def wanted(requirements: list[str]) -> set[str]:
    return {re.split(r"[\s\[<>=;!~]", text)[0].lower().replace("_", "-") for text in requirements}


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = wanted(project["project"]["dependencies"])
    training, dev = (wanted(project["dependency-groups"][group]) for group in ("training", "dev"))

    assert core <= locked("serve.lock").keys()
    assert core | training <= locked("run.lock").keys()
    assert core | training | dev <= locked("dev.lock").keys()


def test_the_locks_are_of_one_resolution() -> None:
    serve, run, dev = (locked(f"{name}.lock") for name in ("serve", "run", "dev"))

    assert all(run[package] == versions for package, versions in serve.items())
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
