"""The documentation site: it builds without a warning, leaves no page out, and what stands in its guides works."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from service.cli import app
from service.schemas import DecideRequest
from service.settings import Settings
from tests.running import ROOT

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The page's code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page(name), re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[str]:
    return [line.removeprefix("$ ") for block in blocks(name, "console") for line in block.splitlines()]


def pages_of(nav: Any) -> list[str]:
    """The files that a navigation names."""
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [each for part in inner for each in pages_of(part)]


def test_every_page_is_in_the_navigation_once() -> None:
    named = pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])

    assert sorted(named) == sorted(str(each.relative_to(DOCS)) for each in DOCS.rglob("*.md"))


@pytest.mark.slow
def test_the_site_builds_with_every_link_reference_and_docstring_and_asks_nobody_else(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)  # a link would be followed, and the site written there
    for name in ("gardoon_client", "models", "training"):
        (tmp_path / name).symlink_to(ROOT / name)
    build = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", "mkdocs.yml"]

    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    html = {
        each.parent.name: each.read_text(encoding="utf-8") for each in (tmp_path / "site").rglob("index.html")
    }
    assert "gardoon_client.client.Client.decide" in html["python"]
    assert "thompson.svg" in html["concepts"]
    fetched = re.findall(
        r'<(?:script|link|img)[^>]+(?:src|href)="((?:https?:)?//[^"]+)"', "".join(html.values())
    )
    assert fetched == []


@pytest.mark.parametrize("name", ["index.md", "guides/bring-your-data.md"])
def test_its_commands_are_those_of_the_readme_which_are_run(name: str) -> None:
    assert commands(name)
    for command in commands(name):
        assert f"$ {command}\n" in README


def test_the_policy_of_the_guide_is_one() -> None:
    (code,) = blocks("guides/add-a-policy.md", "python")

    exec(compile(code, "add-a-policy.md", "exec"), {"__name__": "guide"})  # its last line asserts


def test_the_journey_of_the_guide_is_right_and_can_be_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (journey,), (request,) = (blocks("guides/add-a-journey.md", each) for each in ("yaml", "json"))
    (command,) = commands("guides/add-a-journey.md")
    folder = tmp_path / "my-journeys"
    folder.mkdir()
    shutil.copy(Settings().decision_points / "shop.yaml", folder)
    (folder / "back_in_stock.yaml").write_text(journey, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    checked = CliRunner().invoke(app, shlex.split(command)[3:])

    assert checked.exit_code == 0, checked.output
    assert "1 decision points are right: back_in_stock" in checked.output
    assert DecideRequest.model_validate(json.loads(request)).journey == "back_in_stock"


@pytest.mark.slow
def test_the_feature_of_the_guide_is_declared_computed_and_has_no_default_in_its_place(
    prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "features", tmp_path / "features", ignore=shutil.ignore_patterns("__pycache__"))
    patch = "".join(blocks("guides/add-a-feature.md", "diff"))
    subprocess.run(["git", "apply", "-"], input=patch, cwd=tmp_path, text=True, check=True)

    done = subprocess.run(
        [sys.executable, "-c", _COMPUTE, str(prepared / "data" / "complete-journey")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    expired_28d, expired_365d = json.loads(done.stdout)
    assert 0 < expired_28d < expired_365d


_COMPUTE = """
import json, sys
from pathlib import Path
import duckdb
from features.offline import build_snapshots, data_end

build_snapshots(Path(sys.argv[1]), [data_end(Path(sys.argv[1]))], Path("out"))
sums = "SELECT sum(coupons_expired_28d), sum(coupons_expired_365d) FROM 'out/coupons.parquet'"
print(json.dumps(duckdb.sql(sums).fetchall()[0]))
"""
