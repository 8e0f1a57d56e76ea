"""What the learner's process stores of challengers is what `shadow` reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from models.artifact import Artifact
from models.catalogue import load_policy
from service.registry import ChampionRegistry, check_champion
from service.shadow import Shadow
from tests.service.conftest import Worker, starting_policies, stored_customer
from tests.service.real_shop import small_scorer
from tests.service.test_outcomes import outcome, send
from training.cli import app
from training.places import Places

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SCORER, POLICY = "purchase_propensity", "channel_policy"


def register(places: Places, name: str, artifact: Artifact, alias: str) -> None:
    from training.registry import open_registry

    registry = open_registry(places)
    with registry.run(alias) as run_id:
        registry.register(artifact, name, run_id, alias=alias)


def scorer(seed: int) -> Artifact:
    plain = small_scorer(SCORER, seed)
    return Artifact({**plain.manifest, "horizon_days": 3}, plain.arrays, plain.texts)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A registry with champion and challenger of a scorer and of a policy."""
    places = Places(var=tmp_path)
    other = load_policy(starting_policies()[POLICY])
    other.learn_many(np.full((40, 4), 0.5), np.zeros(40, dtype=np.int64), np.ones(40))
    for alias, seed in (("champion", 1), ("challenger", 2)):
        register(places, SCORER, scorer(seed), alias)
    register(places, POLICY, starting_policies()[POLICY], "champion")
    register(places, POLICY, other.to_artifact(), "challenger")
    return places


def decide_and_buy(worker: Worker, n: int) -> None:
    """Decisions a minute apart; every third customer buys an hour later."""
    for number in range(n):
        worker.clock.advance(minutes=1)
        worker.reader.customers[f"c{number}"] = stored_customer(
            f"c{number}", worker.clock(), recency_days=float(number)
        )
        identity = worker.decide(customer_id=f"c{number}", decide=["channel"])["decision_id"]
        at = {"occurred_at": (worker.clock() + timedelta(minutes=30)).isoformat()}
        heard = [outcome(identity, f"d{number}", "delivered", **at)]
        if number % 3 == 0:
            heard.append(outcome(identity, f"p{number}", "purchased", value=9e5, currency="IRT", **at))
        assert set(send(worker, *heard)) == {202}


def shadow(places: Places, engine: Engine, name: str) -> str:
    url = engine.url.render_as_string(hide_password=False)
    arguments = ["shadow", name, "--var", str(places.var), "--database-url", url]
    found = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    return " ".join(found.output.split())


def test_a_scorer_and_a_policy_are_compared_on_what_was_decided(
    make_worker: Callable[..., Worker], engine: Engine, places: Places
) -> None:
    from mlflow import MlflowClient

    worker = make_worker()
    check = partial(check_champion, schema=worker.state.schema, points=worker.learner.points)
    challengers = Shadow(engine=engine, schema=worker.state.schema, check=check)
    assert sorted(challengers.follow(ChampionRegistry(tracking_uri=places.registry_uri))) == [POLICY, SCORER]
    challengers.step(worker.clock())
    nothing_yet = shadow(places, engine, SCORER)
    decide_and_buy(worker, 30)
    worker.clock.advance(hours=80)
    worker.learn()
    challengers.step(worker.clock())

    of_scorer, of_policy = shadow(places, engine, SCORER), shadow(places, engine, POLICY)

    assert f"version 2 of {SCORER} was scored on no live decision yet" in nothing_yet
    assert "30 decisions are 3 days old, 10 of them followed by a purchase" in of_scorer
    assert "rank correlation" in of_scorer
    assert "auc" in of_scorer
    assert "agreement" in of_policy
    assert "where that was email" in of_policy
    runs = MlflowClient(tracking_uri=places.registry_uri).search_runs(["1"])
    logged = next(run for run in runs if run.info.run_name == f"shadow {SCORER}")
    assert logged.data.metrics["challenger_decisions"] == 30
    assert logged.data.metrics["champion_mean_actual"] == pytest.approx(1 / 3)
