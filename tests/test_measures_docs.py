"""docs/measures.md names the columns that there are, and its commands work on the base of `make run`."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.running import ROOT
from training.cli import app
from training.measures.report import TITLES

PAGE = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ python -m training (.*)$", PAGE, re.MULTILINE)
ROWS = re.findall(r"^\| (`[^|]*`) \| (.*) \|$", PAGE, re.MULTILINE)


def documented() -> dict[str, list[str]]:
    """The columns of each table by its id, as the page has them; what is in parentheses explains."""
    found = {}
    for ids, columns in ROWS:
        names = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", columns))
        found |= dict.fromkeys(re.findall(r"`(\w+)`", ids), names)
    return found


@pytest.mark.slow
def test_the_commands_of_the_page_write_the_tables_that_it_documents(prepared: Path, tmp_path: Path) -> None:
    for command in COMMANDS:
        result = CliRunner().invoke(
            app, [*shlex.split(command), "--var", str(prepared), "--out", str(tmp_path)]
        )
        assert result.exit_code == 0, result.output

    told = json.loads((tmp_path / "measures.json").read_text(encoding="utf-8"))
    assert {name: table["columns"] for name, table in told["tables"].items()} == documented()
    assert (told["from"], told["currency"], told["simulated"]) == ("2017-07-01", "IRT", True)
    for name, table in told["tables"].items():
        assert table["rows"] or table["note"], name
        with (tmp_path / "measures" / f"{name}.csv").open(encoding="utf-8") as file:
            assert [len(row) for row in csv.reader(file)] == [len(table["columns"])] * (
                1 + len(table["rows"])
            )
    page = (tmp_path / "measures.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in TITLES)
    assert page.count("<svg") == sum(bool(table["rows"]) for table in told["tables"].values())


def test_every_table_and_every_command_of_the_page_is_tried() -> None:
    assert list(documented()) == list(TITLES)
    assert len(COMMANDS) == PAGE.count("\n$ ") >= 2
