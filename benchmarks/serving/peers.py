"""The peers: each does a part of a decision, or all of it in the obvious way, on the same store, features and scorers."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.policies.peer import PeerError, install, read_peers
from benchmarks.serving.composition import WABBIT, site_packages
from benchmarks.serving.load import post
from benchmarks.serving.processes import SERVER_CORE, Server, starting, uvicorn, wait_until_ready
from benchmarks.serving.shapes import WHEEL, Shape, decide_requests
from features.schema import JOIN_KEY, load_schema
from service.model_feed import published_versions
from service.store.artifact_store import get_artifact
from service.store.engine import opened_log

FEAST, MLFLOW, COMPOSITION = "Feast's feature server", "mlflow models serve", "the obvious composition"
SCORER = "purchase_propensity"
_BIN = Path(sys.executable).parent
_FEAST_SERVE = ["serve", "--port", "{port}", "--no-access-log", "--max-requests", "1000000000"]
_MLFLOW_SERVE = ["models", "serve", "--port", "{port}", "--env-manager", "local", "--workers", "1"]
_COMPOSED = uvicorn("benchmarks.serving.composition:create_app", "--factory")
Requests = Callable[[Sequence[str]], list[bytes]]


@dataclass(frozen=True)
class Peer:
    """A running peer, the request about each customer, and how it is set."""

    server: Server
    requests: Requests
    about: str


@contextmanager
def peers(shape: Shape, var: Path, folder: Path, feast: Path) -> Iterator[list[Peer]]:
    """All three, on the production shape's stores; `feast` is the folder of its Feast with the views registered."""
    wabbit, about = _wabbit(var)
    model, columns = _saved_scorer(shape, folder / "mlflow-model")
    store = {"GARDOON_FEATURE_STORE_YAML": str(feast / "feature_store.yaml")}
    path = f"{_BIN}:{os.environ['PATH']}"  # mlflow calls uvicorn by name
    with ExitStack() as stack:

        def start(name: str, command: list[str], **environment: str) -> Server:
            return stack.enter_context(starting(name, command, folder, **environment))

        found = [
            Peer(
                start(FEAST, [f"{_BIN}/feast", "-c", str(feast), *_FEAST_SERVE], FEAST_USAGE="False"),
                _feast_requests,
                "`feast serve` alone: all features of one customer as JSON",
            ),
            Peer(
                start(MLFLOW, [f"{_BIN}/mlflow", *_MLFLOW_SERVE, "-m", str(model)], PATH=path),
                partial(_scorer_requests, columns),
                f"`mlflow models serve` alone: {SCORER}, its {columns} features being in the request",
            ),
            Peer(
                start(COMPOSITION, _COMPOSED, **{**shape.environment, **store, WABBIT: wabbit}),
                partial(decide_requests, journey=WHEEL),
                f"FastAPI, `get_online_features`, three `Booster.predict`, {about}, a commit a decision",
            ),
        ]
        for peer, ready in zip(found, ("/health", "/ping", "/docs"), strict=True):
            wait_until_ready(peer.server, folder, ready)
            peer.server.pin((SERVER_CORE,))
        yield found


def _feast_requests(customers: Sequence[str]) -> list[bytes]:
    """By the features' names: given a feature service's, it looks that up for every request, ten times as dear."""
    names = [f"{view.name}:{feature.name}" for view in load_schema().views for feature in view.features]
    bodies = ({"features": names, "entities": {JOIN_KEY: [each]}} for each in customers)
    return [post("/get-online-features", json.dumps(body).encode()) for body in bodies]


def _scorer_requests(columns: int, customers: Sequence[str]) -> list[bytes]:
    rows = ([[float(place + number) for place in range(columns)]] for number in range(len(customers)))
    return [post("/invocations", json.dumps({"inputs": row}).encode()) for row in rows]


def _wabbit(var: Path) -> tuple[str, str]:
    """Where Vowpal Wabbit is, in an environment of its own as in `make bench-policies`, and which bandits are used."""
    peer = read_peers()["vowpalwabbit"]
    try:
        version = install(peer, var)
    except PeerError:
        return "", "our policies for the three choices"
    return str(site_packages(var / "peers" / peer.name)), f"three bandits of {version.split(',')[0]}"


def _saved_scorer(shape: Shape, folder: Path) -> tuple[Path, int]:
    """One champion scorer as a model of MLflow's LightGBM flavour, and its number of features."""
    import lightgbm
    import mlflow.lightgbm

    with opened_log(shape.environment["GARDOON_DATABASE_URL"]) as engine:
        with engine.connect() as connection:
            versions = published_versions(connection)
        assert versions is not None
        artifact = get_artifact(engine, versions[SCORER])
    logging.getLogger("mlflow").setLevel(
        logging.ERROR
    )  # it misses requirements, of which the model needs none
    booster = lightgbm.Booster(model_str=artifact.texts["model.lgb"])
    mlflow.lightgbm.save_model(booster, folder, pip_requirements=[])
    return folder, booster.num_feature()
