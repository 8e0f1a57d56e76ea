"""The commands of docs/segments.md print what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.running import ROOT
from training.cli import app

PAGE = (ROOT / "docs" / "segments.md").read_text(encoding="utf-8")
CONSOLE = re.compile(r"```console\n\$ python -m training (.*)\n((?:.*\n)*?)```")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), CONSOLE.findall(PAGE))
def test_a_command_prints_what_the_page_shows(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, [*shlex.split(command), "--var", str(prepared)])

    assert result.exit_code == 0, result.output
    assert result.output.startswith(shown)


def test_every_command_of_the_page_is_tried() -> None:
    assert len(CONSOLE.findall(PAGE)) == PAGE.count("\n$ ") == PAGE.count("```console") >= 4
