"""The main job on the real data and the real parts: what `make run` does, seen from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.running import post, run, running, wait_for

pytestmark = pytest.mark.slow


def decide(address: str, customer_id: str) -> dict[str, Any]:
    return post(f"{address}/v1/decide", {"customer_id": customer_id, "journey": "churn_prevention"})


def views_of_products(address: str, customer_id: str) -> float:
    with urlopen(f"{address}/v1/customers/{customer_id}", timeout=10) as response:
        views = {view["name"]: view["values"] for view in json.load(response)["features"]}
    return float(views["funnel"]["product_views_1d"])


def group_has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def move_champion(var: Path, name: str) -> None:
    """Register a version of the scorer that differs in its calibration alone, and point the alias at it."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{var}/mlflow.db")
    champion = client.get_model_version_by_alias(name, "champion")
    source = Path(champion.source.removeprefix("file://"))
    moved = var / "moved" / name
    moved.mkdir(parents=True)
    for file in ("manifest.json", "arrays.npz", "model.lgb"):
        (moved / file).write_bytes((source / file).read_bytes())
    manifest = json.loads((moved / "manifest.json").read_text())
    manifest["calibration"] = [1.0, -2.0]
    (moved / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, indent=1))
    version = client.create_model_version(name, source=moved.as_uri(), run_id=champion.run_id)
    client.set_registered_model_alias(name, "champion", version.version)


def test_preparing_again_repeats_no_finished_work(prepared: Path) -> None:
    started_at = time.monotonic()

    told = run("training", "prepare", "--var", str(prepared), var=prepared)

    assert told.count("(done before)") == 7
    assert time.monotonic() - started_at < 15


@pytest.mark.filterwarnings("ignore:The ``noload`` loader")  # MLflow's use of SQLAlchemy
def test_the_service_answers_learns_follows_champions_and_can_do_it_all_again(prepared: Path) -> None:
    customer = (prepared / "example_customer").read_text().strip()
    for log in prepared.glob("log.db*"):  # another test may have sent this customer the week's message
        log.unlink()

    with running(prepared) as (address, process, lines):
        shown = "".join(lines)
        assert f'"customer_id": "{customer}"' in shown
        assert re.search(r'"status": "act"', shown), "the greeting shows what it answered"

        offered = post(f"{address}/v1/complements", {"cart": ["1082185"], "customer_id": customer})
        assert len(offered["products"]) == 10, "what goes with bananas is known"
        assert offered["fallback"] is None

        before_it = views_of_products(address, customer)
        seen = {"event": "product_viewed", "properties": {"product_id": "1082185"}}
        assert post(f"{address}/v1/track", {"userId": customer, "messageId": "v1", **seen})["taken"] == 1
        wait_for(
            lambda: views_of_products(address, customer) == before_it + 1,
            seconds=90,
            what="the event in the features",
        )

        first = decide(address, customer)
        outcome = {
            "event_id": "click-1",
            "decision_id": first["decision_id"],
            "kind": "clicked",
            "occurred_at": first["decided_at"],
        }
        assert post(f"{address}/v1/outcomes", {"outcomes": [outcome]})["accepted"] == 1
        wait_for(
            lambda: (
                int(decide(address, customer)["versions"]["snapshot"]) > int(first["versions"]["snapshot"])
            ),
            seconds=90,
            what="the learner's snapshot in an answer",
        )

        move_champion(prepared, "purchase_propensity")
        before = first["versions"]["purchase_propensity"]
        wait_for(
            lambda: decide(address, customer)["versions"]["purchase_propensity"] != before,
            seconds=90,
            what="the moved champion in an answer",
        )
        after = decide(address, customer)
        assert after["scores"]["purchase_propensity"] != first["scores"]["purchase_propensity"]
        assert after["versions"]["churn_risk"] == first["versions"]["churn_risk"]

        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)
        wait_for(lambda: group_has_ended(process.pid), seconds=10, what="the learner's end")

    assert "Traceback" not in "".join(lines)
    assert ", 0 differ" in run("service", "verify", var=prepared)
