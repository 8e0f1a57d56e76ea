"""Every call of docs/engines.md is answered by a running service as the page says, and its examples run in their engines."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gardoon_client import Client
from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import decisions
from tests.journeys.conftest import Gardoon
from tests.running import ROOT

PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
CALLS = re.findall(r"```http\n(\w+) (\S+)\n((?:[\w-]+: .*\n)*)\n?((?:.*\n)*?)```", PAGE)
BIN = ROOT / ".tools" / "engines" / "bin"
in_its_engine = pytest.mark.skipif(
    not BIN.is_dir(), reason="no engines here; `make test` installs them into .tools/engines"
)
N8N = ROOT / ".tools" / "n8n" / "node_modules" / "n8n" / "bin" / "n8n"
WHEEL = ROOT / "docs" / "examples" / "n8n_lucky_wheel.json"
IDS = r"run_id|workflow_run_id|activity_id|message_id|\$execution\.id"


def filled(text: str, decision_id: str) -> str:
    """The text with everything in braces filled in, as an engine would."""
    now = datetime.now(UTC)

    def value(found: re.Match[str]) -> str:
        name = found[1].strip()
        if re.fullmatch(IDS, name):
            return f"engine-{name.strip('$')}"
        if "customer_id" in name or name == "user.id":
            return "engine leaves" if "other" in name else "engine stays"
        if "decision_id" in name:
            return decision_id
        known = {"tomorrow": now + timedelta(hours=24), "now": now, "$now.toISO()": now}
        if name in known:
            return known[name].isoformat()
        assert name in ("cart_id", "user.cartId", "user.lastProduct"), name
        return "some-1"

    return re.sub(r"\{\{(.+?)\}\}", value, text)


@pytest.mark.slow
def test_every_call_is_answered_as_the_page_says(gardoon: Gardoon) -> None:
    decision_id = ""
    for method, path, head, body in CALLS:
        headers = dict(line.split(": ", 1) for line in filled(head, decision_id).splitlines())
        url = gardoon.address + filled(path, decision_id)
        content = filled(body, decision_id).strip()

        answers = [httpx.request(method, url, headers=headers, content=content) for _ in range(2)]

        assert [answer.status_code for answer in answers] in ([200, 200], [202, 202]), answers[0].text
        if path == "/v1/decide":
            assert answers[1].headers["idempotency-replayed"] == "true"
            assert answers[1].text == answers[0].text
            decision_id = answers[0].json()["decision_id"]
        if path == "/v1/decide/batch":
            lines = [json.loads(line) for line in answers[0].text.splitlines()]
            assert [(line["index"], line["status"]) for line in lines] == [(0, 200), (1, 200)]
            assert answers[1].text == answers[0].text
        if path == "/v1/outcomes":
            assert [each.json()["results"][0]["status"] for each in answers] == [202, 200]
        if path == "/v1/track":
            assert [each.json()["taken"] for each in answers] == [1, 0]


def test_every_call_of_the_page_is_tried() -> None:
    assert len(CALLS) == PAGE.count("```http") == 9


def printed_by(*command: str | Path, **environment: str) -> str:
    """What a command prints; it must end well."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    ended = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def told_of(gardoon: Gardoon, customer: str) -> list[list[str]]:
    """The outcomes of each decision about the customer."""
    engine = open_log(Settings(var=gardoon.var).log_url)
    with engine.connect() as connection:
        wanted = select(decisions.c.decision_id).where(decisions.c.customer_id == customer)
        found = list(connection.scalars(wanted.order_by(decisions.c.decision_id)))
    engine.dispose()
    with Client(gardoon.address) as client:
        return [[outcome.kind for outcome in client.read_decision(each).outcomes] for each in found]


@pytest.mark.slow
@in_its_engine
def test_airflow_decides_for_a_list_sends_and_tells(gardoon: Gardoon, tmp_path: Path) -> None:
    airflow = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "docs" / "examples"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_GARDOON": json.dumps({"conn_type": "http", "host": gardoon.address}),
    }
    customers = ("airflow stays", "airflow leaves")

    printed = printed_by(BIN / "python", "-m", "tests.journeys.airflow_play", *customers, **airflow)

    for customer in customers:
        assert f"email to {customer}: The price fell" in printed
        assert told_of(gardoon, customer) == [["delivered"]]


@pytest.mark.slow
@in_its_engine
def test_temporal_waits_for_90_days_and_leaves_with_a_purchase(gardoon: Gardoon) -> None:
    server, here = BIN / "temporal-test-server", {"GARDOON_URL": gardoon.address}

    printed = printed_by(BIN / "python", "-m", "tests.journeys.temporal_play", server, **here).splitlines()

    assert printed.count("email to temporal stays: We miss you") == 1
    assert json.loads(printed[-1]) == ["bought", "sent"]
    assert told_of(gardoon, "temporal stays") == [["delivered"]]
    assert told_of(gardoon, "temporal leaves") == []


def test_the_workflow_for_n8n_makes_the_calls_of_the_page() -> None:
    nodes = [node["parameters"] for node in json.loads(WHEEL.read_text(encoding="utf-8"))["nodes"]]

    made = [
        (node["url"].removeprefix("http://127.0.0.1:8000"), node["jsonBody"].removeprefix("="))
        for node in nodes
        if "jsonBody" in node
    ]

    assert len(made) == 2
    assert set(made) <= {(path, body.strip()) for _, path, _, body in CALLS}


@pytest.mark.slow
@pytest.mark.skipif(not N8N.exists(), reason="no n8n here; `make engines` installs it into .tools/n8n")
def test_n8n_asks_shows_and_tells(gardoon: Gardoon, tmp_path: Path) -> None:
    workflow, quiet = tmp_path / "wheel.json", {"N8N_DIAGNOSTICS_ENABLED": "false"}
    text = WHEEL.read_text(encoding="utf-8").replace("http://127.0.0.1:8000", gardoon.address)
    workflow.write_text(text.replace("1453", "n8n stays"), encoding="utf-8")

    printed_by(N8N, "import:workflow", f"--input={workflow}", N8N_USER_FOLDER=str(tmp_path), **quiet)
    printed_by(N8N, "execute", "--id=gardoonLuckyWheel", N8N_USER_FOLDER=str(tmp_path), **quiet)

    assert told_of(gardoon, "n8n stays") == [["delivered"]]
