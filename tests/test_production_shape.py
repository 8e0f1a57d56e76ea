"""The production shape: the commands and settings of compose.yaml on real PostgreSQL, Redis and MLflow servers."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.production_shape import ROOT, Shape, running_stores
from tests.running import post, wait_for
from tests.service.real_shop import free_port

pytestmark = pytest.mark.slow
FAST = {"GARDOON_LEARN_SECONDS": "0.2", "GARDOON_POLL_SECONDS": "0.2", "GARDOON_REGISTRY_SECONDS": "0.5"}


@pytest.fixture
def shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shape]:
    """Redis and PostgreSQL for the processes of compose.yaml."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with running_stores(tmp_path) as shape:
        yield shape


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except (URLError, OSError):
        return False


@dataclass(frozen=True)
class Shop:
    """Who asks the service, with its key."""

    address: str
    key: str

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return post(f"{self.address}{path}", body, key=self.key)


def documented_key_command() -> list[str]:
    """How compose.yaml says to make a key."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    (command,) = re.findall(r"docker compose run --rm service (python .*?) {2,}", text)
    return shlex.split(command)


def decide(shop: Shop, customer_id: str) -> dict[str, Any]:
    """The answer; a worker that has no models yet says when to ask again, and is asked again."""
    question = {"customer_id": customer_id, "journey": "churn_prevention"}
    for _ in range(5):
        try:
            return shop.post("/v1/decide", question)
        except HTTPError as error:
            if error.code != 503 or "Retry-After" not in error.headers:
                raise
            time.sleep(float(error.headers["Retry-After"]))
    return shop.post("/v1/decide", question)


def decide_for_another(shop: Shop, customer_id: str) -> dict[str, Any]:
    """The first message that may go to anybody else: the customer's own caps are full."""
    others = (decide(shop, str(number)) for number in range(1, 500) if str(number) != customer_id)
    return next(answer for answer in others if answer["status"] == "act")


def click(shop: Shop, decision: dict[str, Any], event_id: str) -> None:
    outcome = {"event_id": event_id, "kind": "clicked", "occurred_at": decision["decided_at"]}
    taken = shop.post("/v1/outcomes", {"outcomes": [{**outcome, "decision_id": decision["decision_id"]}]})
    assert taken["accepted"] == 1, taken


def wait_for_newer_snapshot(shop: Shop, decision: dict[str, Any]) -> None:
    old = int(decision["versions"]["snapshot"])
    wait_for(
        lambda: int(decide(shop, decision["customer_id"])["versions"]["snapshot"]) > old,
        seconds=90,
        what="a newer snapshot in an answer",
    )


def test_it_prepares_decides_learns_outlives_the_registry_and_does_it_all_again(shape: Shape) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with ExitStack() as mlflow:
        mlflow.enter_context(shape.running("mlflow", f"--port={shape.mlflow.split(':')[1]}"))
        wait_for(lambda: answers(f"http://{shape.mlflow}/health"), seconds=90, what="the MLflow server")

        told = shape.run("training")

        assert "7/7 fill online store: 2,469 customers" in told
        assert not list(shape.image("training").glob("var/mlflow.db")), "the server keeps the registry"
        assert not list(shape.image("training").glob("var/feast/*.db")), (
            "PostgreSQL and Redis keep the features"
        )
        customer = (shape.image("service") / "var" / "example_customer").read_text().strip()
        shop = Shop(address, shape.run("service", documented_key_command()).strip())
        with shape.running("learner", **FAST) as learned, shape.running("service", f"--port={port}", **FAST):
            wait_for(lambda: answers(f"{address}/readyz"), seconds=90, what="the service")
            with pytest.raises(HTTPError, match="401"):
                post(f"{address}/v1/decide", {"customer_id": customer, "journey": "churn_prevention"})
            first = decide(shop, customer)
            assert first["degraded"] == []
            assert first["status"] in ("act", "hold", "holdout"), first
            assert decide(shop, "nobody")["degraded"]

            click(shop, first, "click-1")
            wait_for_newer_snapshot(shop, first)

            mlflow.close()
            second = decide_for_another(shop, customer)
            click(shop, second, "click-2")
            wait_for_newer_snapshot(shop, second)

    assert "Traceback" not in learned.read_text()
    assert ", 0 differ" in shape.run("service", ["python", "-m", "service", "verify"])
