"""Every call of docs/engines.md is answered by a running service as the page says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.journeys.conftest import Gardoon
from tests.running import ROOT

PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
CALLS = re.findall(r"```http\n(\w+) (\S+)\n((?:[\w-]+: .*\n)*)\n?((?:.*\n)*?)```", PAGE)
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
