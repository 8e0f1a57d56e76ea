"""What the commands say of data that nothing can be learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.complements.test_baskets import write
from training.cli import app


@pytest.mark.parametrize("command", ["complements", "compare-complements"])
@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "import orders with a product_id"), (1, "wanted 100 carts of 30 customers")],
)
def test_data_that_cannot_be_used_are_refused_with_what_is_needed(
    tmp_path: Path, command: str, amount: int, told: str
) -> None:
    write(tmp_path / "data" / "shop", [("o1", "sample", None, amount)])

    done = CliRunner().invoke(app, [command, "--dataset", "shop", "--var", str(tmp_path)])

    assert done.exit_code == 2
    assert told in done.output


@pytest.mark.parametrize("command", ["complements", "compare-complements"])
def test_a_data_set_that_is_not_there_is_refused(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(app, [command, "--dataset", "shop", "--var", str(tmp_path)])

    assert done.exit_code == 2
    assert "run `python -m training import` first" in done.output
