"""A small shop on the real parts: feature definitions, online store, LightGBM scorers, and champions in the log."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np

from features.bulk import write_online_store
from features.offline import build_snapshots
from models.artifact import Artifact
from models.inputs import SCORES
from service.app import utc_now
from service.learner import Learner
from service.point_files import load_decision_points
from service.settings import Settings
from service.store.engine import open_log
from tests.features.conftest import Shop
from tests.service.conftest import publish_champions, starting_policies
from tests.service_image import as_in_its_image

ROOT = Path(__file__).parents[2]
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


@cache
def small_scorer(name: str, seed: int) -> Artifact:
    """A LightGBM scorer of two features, fitted on noise."""
    import lightgbm

    rng = np.random.default_rng(seed)
    names = ["recency_days", "orders_28d"]
    labels = rng.integers(0, 2, 400).astype(float)
    data = lightgbm.Dataset(rng.normal(size=(400, 2)), labels, feature_name=names)
    objective = "regression" if name == "expected_value" else "binary"
    booster = lightgbm.train({"objective": objective, "verbose": -1, "num_threads": 1, "seed": seed}, data, 5)
    calibration = None if name == "expected_value" else [1.0, 0.0]
    manifest = {"kind": "scorer", "name": name, "feature_names": names, "calibration": calibration}
    return Artifact(manifest, texts={"model.lgb": booster.model_to_string()})


_filled: dict[str, dict[Path, bytes]] = {}


def prepare(var: Path, shop: Shop, log_url: str = "") -> None:
    """Everything under `var` that a worker needs, for the customers of the shop."""
    data = shop.write(var / "data" / "shop")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(data.iterdir()))).hexdigest()
    if digest not in _filled:
        _filled[digest] = fill(data)
    for path, content in _filled[digest].items():
        (var / path).parent.mkdir(exist_ok=True)
        (var / path).write_bytes(content)
    settings = Settings(var=var, database_url=log_url)
    engine = open_log(settings.log_url)
    scorers = {name: small_scorer(name, seed) for seed, name in enumerate(SCORES)}
    publish_champions(engine, {**scorers, **starting_policies()}, utc_now())
    Learner(engine, load_decision_points(settings.decision_points)).step(utc_now())
    engine.dispose()


def fill(data: Path) -> dict[Path, bytes]:
    """The snapshots and the online store of a data set by path: tests of one shop copy what takes seconds to make."""
    with tempfile.TemporaryDirectory() as made:
        var = Path(made)
        build_snapshots(data, [AS_OF], var / "snapshots")
        write_online_store(var / "snapshots", var / "feast" / "online.db", as_of=AS_OF, served_at=utc_now())
        return {path.relative_to(var): path.read_bytes() for path in var.rglob("*") if path.is_file()}


def where_it_is_noon() -> str:
    """A zone whose clock shows noon to one: who lives there gets what a wheel decides whatever hour the tests run at."""
    return f"Etc/GMT{utc_now().hour - 12:+d}"  # POSIX counts westwards


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serving(var: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and process of `python -m service serve`, ready; killed at the end if it still runs.

    It prints into a file: a pipe that nobody empties would hold it up once it is full.
    """
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    given = {**os.environ, **as_in_its_image(), "GARDOON_VAR": str(var), **environment}
    address = f"http://127.0.0.1:{port}"
    with (var / f"service-{port}.err").open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=given, stderr=errors)
    try:
        wait_until_ready(address, process)
        yield address, process
    except BaseException:
        print(printed_by_services(var))
        raise
    finally:
        process.kill()
        process.wait(timeout=10)


def printed_by_services(var: Path) -> str:
    """What the services on that folder printed as errors."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(var.glob("service-*.err")))


def wait_until_ready(address: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the service ended"
        try:
            with urlopen(f"{address}/readyz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"not ready after {seconds} seconds")
