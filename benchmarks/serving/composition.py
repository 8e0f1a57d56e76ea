"""The obvious composition: the libraries that Gardoon stands on, each called as its own documentation does.

Feast's `get_online_features`, three times `Booster.predict`, a contextual bandit for each choice, a commit for each
decision, and the pydantic body and answer of `POST /v1/decide`. Neither guardrails nor groups, nothing learnt, nothing that
could be made again. The bandits are Vowpal Wabbit's where `GARDOON_VOWPAL_WABBIT` names the folder of its package, otherwise
our own policies. It is told of the rest by `GARDOON_FEATURE_STORE_YAML` and `GARDOON_DATABASE_URL`.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy as np
from fastapi import FastAPI
from sqlalchemy import Column, Engine, LargeBinary, MetaData, String, Table, create_engine, insert

from features.schema import FEATURE_SERVICE, JOIN_KEY, Schema, load_schema
from models.feedback import Floats
from models.inputs import SCORES
from models.policy import choose
from models.scorer import Scorer, load_scorer
from service.model_feed import published_versions
from service.model_set import BoundPolicy, ModelSet, build_model_set
from service.schemas import Answer, Coupon, DecideRequest, Scores
from service.settings import Settings
from service.store.artifact_store import get_artifact
from service.store.engine import opened_log

THREADS = 40
"""On so many endpoints that are no coroutines run at a time; each has a connection of its own."""
WABBIT = "GARDOON_VOWPAL_WABBIT"
LOG = Table(
    "composed_decisions",
    MetaData(),
    Column("decision_id", String, primary_key=True),
    Column("answer", LargeBinary),
)
Bandit = Callable[[Floats], tuple[int, float]]
"""An action and its probability."""


def create_app() -> FastAPI:
    """The service; its endpoint is no coroutine because the libraries that it calls wait."""
    from feast import FeatureStore

    settings, schema = Settings(), load_schema()
    engine = create_engine(_with_psycopg(settings.log_url), pool_size=THREADS)
    LOG.metadata.create_all(engine)
    models, boosters = _models(settings, schema)
    bandits = {name: _bandit(bound) for name, bound in models.policies.items()}
    store = FeatureStore(fs_yaml_file=settings.feature_store_yaml)
    service = store.get_feature_service(FEATURE_SERVICE)
    app = FastAPI()

    @app.post("/v1/decide", response_model=Answer)
    def decide(request: DecideRequest) -> Answer:
        row = store.get_online_features(
            features=service, entity_rows=[{JOIN_KEY: request.customer_id}]
        ).to_dict()
        vector = vector_of(row, schema)
        scores = {name: predict(vector) for name, predict in boosters.items()}
        inputs = np.zeros(len(models.input_names))
        inputs[: len(vector)] = vector
        inputs[len(vector) : len(vector) + len(scores)] = list(scores.values())
        chosen = {name: bandits[name](inputs[bound.places]) for name, bound in models.policies.items()}
        answer = _answer(request, models, scores, chosen)
        with engine.begin() as connection:
            content = msgspec.json.encode(answer)
            connection.execute(insert(LOG).values(decision_id=answer.decision_id, answer=content))
        return answer

    return app


def vector_of(row: dict[str, list[Any]], schema: Schema) -> Floats:
    """The features that Feast returned of one customer, as numbers in the order of the schema."""
    values: list[float] = []
    for feature in schema.features:
        if feature.type == "string":
            continue
        found = row[feature.name][0]
        if feature.type == "float_list":
            values += found or [feature.default] * feature.length
        else:
            values.append(np.nan if found is None else found)
    return np.array(values, dtype=np.float64)


def _models(settings: Settings, schema: Schema) -> tuple[ModelSet, dict[str, Callable[[Floats], float]]]:
    with opened_log(settings.log_url) as engine:
        load = partial(get_artifact, engine)
        versions = _versions(engine)
        scorers = {name: load_scorer(load(versions[name]), schema.columns) for name in SCORES}
        boosters = {name: _prediction(scorer) for name, scorer in scorers.items()}
        return build_model_set(versions, schema, load), boosters


def _prediction(scorer: Scorer) -> Callable[[Floats], float]:
    """What LightGBM's own package predicts of a feature vector."""
    booster = lightgbm.Booster(model_str=scorer.trees.text)
    return lambda vector: float(booster.predict(vector[scorer.columns][None])[0])


def _versions(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        found = published_versions(connection)
    if found is None:
        raise RuntimeError("no champions have been published")
    return found


def _with_psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def _bandit(bound: BoundPolicy) -> Bandit:
    if os.environ.get(WABBIT):
        return wabbit(len(bound.places), len(bound.policy.action_names))
    eligible, rng = np.ones(len(bound.policy.action_names), dtype=np.bool_), np.random.default_rng(0)

    def act(context: Floats) -> tuple[int, float]:
        probabilities = bound.policy.probabilities(context, eligible)
        action = choose(probabilities, rng.random())
        return action, float(probabilities[action])

    return act


def wabbit(n_inputs: int, n_actions: int) -> Bandit:
    """SquareCB with the settings of `make bench-policies`, one example as text a decision; one thread uses it at a time."""
    sys.path.append(os.environ[WABBIT])  # behind our own packages
    from vowpalwabbit import Workspace  # type: ignore[import-not-found, unused-ignore]

    workspace = Workspace(
        "--cb_explore_adf --cb_type mtr -q xa --ignore_linear x --quiet --squarecb --cb_min_cost -1 --cb_max_cost 0"
    )
    shared = "shared |x " + " ".join(f"{i}:%.6g" for i in range(n_inputs))
    actions, turn, rng = [f"|a a{k}" for k in range(n_actions)], threading.Lock(), np.random.default_rng(0)

    def act(context: Floats) -> tuple[int, float]:
        with turn:
            stated = workspace.predict([shared % tuple(np.nan_to_num(context).tolist()), *actions])
        action = choose(np.array(stated) / sum(stated), rng.random())
        return action, stated[action]

    return act


def _answer(
    request: DecideRequest, models: ModelSet, scores: dict[str, float], chosen: dict[str, tuple[int, float]]
) -> Answer:
    now, names = (
        datetime.now(UTC),
        {k: b.policy.action_names[chosen[k][0]] for k, b in models.policies.items()},
    )
    stated = {name: probability for name, (_, probability) in chosen.items()}
    amount = int(names["coupon"]) if names["coupon"].isdigit() else 0
    return Answer(
        decision_id=str(uuid.uuid4()),
        decided_at=now,
        customer_id=request.customer_id,
        journey=request.journey,
        status="act",
        group="decisioning",
        channel=names["channel"],
        send_at=now + timedelta(hours=chosen["send_time"][0]),
        coupon=Coupon(
            code=None, token=None, amount=amount, currency="IRT", expires_at=now + timedelta(days=3)
        ),
        propensity={**stated, "joint": float(np.prod(list(stated.values())))},
        scores=Scores(**(scores | {"expected_value": round(scores["expected_value"])}), currency="IRT"),
        versions=models.versions,
    )


def site_packages(environment: Path) -> Path:
    """Where the packages of a virtual environment are."""
    (found,) = environment.glob("lib/python3*/site-packages")
    return found
