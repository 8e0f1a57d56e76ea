"""Every command of the README works as it stands there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.running import ROOT, post, run, running

CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [line.removeprefix("$ ") for block in CONSOLE.findall(text) for line in block.splitlines()]


def test_make_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    asked = [shlex.split(command)[1] for command in commands() if command.startswith("make ")]

    assert asked[:2] == ["run", "test"]
    assert set(asked) <= targets


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    assert all(command.startswith(("make ", "curl ", "python -m ")) for command in commands())


@pytest.mark.slow
def test_the_curl_commands_get_answers_and_the_python_commands_end_well(
    prepared: Path, tmp_path: Path
) -> None:
    write_a_shops_own_orders(prepared, tmp_path / "orders.csv")
    with running(prepared) as (address, _, _):
        question = {"customer_id": "1453", "journey": "churn_prevention"}
        decision_id = str(post(f"{address}/v1/decide", question)["decision_id"])
        for command in commands():
            if command.startswith("curl "):
                asked = re.sub(r"01a2019c-[0-9a-f-]+", decision_id, command)
                asked = re.sub(r'("occurred_at": ")[^"]+', rf"\g<1>{datetime.now(UTC).isoformat()}", asked)
                answer = subprocess.run(
                    shlex.split(asked.replace("http://127.0.0.1:8000", address)),
                    capture_output=True,
                    text=True,
                    check=True,
                )
                body = json.loads(answer.stdout)
                assert body.get("accepted") == 1 or "decision_id" in body, body
            elif command.startswith("python -m "):
                run(*shlex.split(command)[2:], var=prepared, cwd=tmp_path)


def write_a_shops_own_orders(prepared: Path, path: Path) -> None:
    """The real orders under other column names, as a shop might export them."""
    orders = prepared / "data" / "complete-journey" / "orders.parquet"
    duckdb.sql(
        f"COPY (SELECT customer_id AS client, ordered_at AS date, amount AS total FROM '{orders}') TO '{path}' (HEADER)"
    )
