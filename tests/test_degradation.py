"""What happens when a part is really away: Redis killed, PostgreSQL stopped, both started again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from features.schema import load_schema
from tests.databases import postgres_server
from tests.features.conftest import Shop
from tests.production_shape import redis_server
from tests.running import ROOT, run, wait_for
from tests.service.real_shop import AS_OF, free_port, prepare, serving

pytestmark = pytest.mark.slow
YAML = ROOT / "feature_repo" / "feature_store.production.yaml"
FILL = """
from datetime import UTC, datetime
from pathlib import Path
from training.feature_store import open_served_store, register_views
from training.online_store import write_through_feast
from training.places import Places
places = Places(var=Path({var!r}), feature_store_yaml=Path({yaml!r}))
store, snapshots = open_served_store(places), Path({var!r}) / "snapshots"
register_views(store, snapshots)
write_through_feast(store, snapshots, as_of=datetime.fromisoformat({as_of!r}), served_at=datetime.now(UTC))
"""


@contextmanager
def running_redis(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(process, port), seconds=20, what="Redis")
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)


def listens(process: subprocess.Popen[bytes], port: int) -> bool:
    import redis

    assert process.poll() is None
    try:
        with redis.Redis(port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def decide(address: str, customer_id: str) -> tuple[int, dict[str, Any], Any, float]:
    """Status, body, headers and seconds of one decision."""
    body = json.dumps({"customer_id": customer_id, "journey": "cart_abandonment"}).encode()
    request, began = (
        Request(f"{address}/v1/decide", body, {"content-type": "application/json"}),
        time.monotonic(),
    )
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, json.load(response), response.headers, time.monotonic() - began
    except HTTPError as error:
        return error.code, json.load(error), error.headers, time.monotonic() - began


def metric(address: str, name: str) -> float:
    with urlopen(f"{address}/metrics", timeout=5) as response:
        found = re.findall(rf"^{re.escape(name)} (\S+)$", response.read().decode(), re.MULTILINE)
    return float(found[0]) if found else 0.0


def test_redis_and_postgresql_go_away_and_come_back(tmp_path: Path, busy_shop: Callable[[], Shop]) -> None:
    every_view = [f"{view.name}:missing" for view in load_schema().views]
    port, customer = free_port(), "customer 0"
    given = {
        "GARDOON_FEATURE_STORE_YAML": str(YAML),
        "GARDOON_REDIS": f"127.0.0.1:{port}",
        "GARDOON_REGISTRY": f"sqlite:///{tmp_path / 'registry.db'}",
        "FEAST_USAGE": "False",
    }
    with postgres_server() as server, running_redis(port, tmp_path) as redis:
        url = server.get_uri()
        prepare(tmp_path, busy_shop(), url)
        script = FILL.format(var=str(tmp_path), yaml=str(YAML), as_of=AS_OF.isoformat())
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, **given}, check=True)
        with serving(tmp_path, GARDOON_DATABASE_URL=url, GARDOON_POLL_SECONDS="0.2", **given) as (address, _):
            status, known, _, _ = decide(address, customer)
            assert (status, known["degraded"]) == (200, [])

            redis.kill()
            redis.wait()
            first, later = decide(address, customer), decide(address, customer)
            for status, answer, _, seconds in (first, later):
                assert (status, answer["degraded"]) == (200, every_view)
                assert (answer["status"], answer["channel"]) == ("suppressed", None)
                assert seconds < 3
            assert later[3] < 1, "only the first may wait for the store's timeout"
            assert metric(address, "gardoon_online_store_up") == 0
            with running_redis(port, tmp_path):
                up = "gardoon_online_store_up"
                wait_for(lambda: metric(address, up) == 1, seconds=20, what="the store to be asked again")

            server.stop()
            status, problem, headers, seconds = decide(address, customer)
            assert (status, problem["status"]) == (503, 503)
            assert "coupon" not in problem
            assert int(headers["Retry-After"]) >= 1
            assert seconds < 5
            assert metric(address, 'gardoon_unavailable_total{error="LogUnavailableError"}') >= 1
            server.ensure_postgres_running()
            wait_for(lambda: decide(address, customer)[0] == 200, seconds=30, what="the log to be back")

        told = run("service", "verify", var=tmp_path, database_url=url)
    assert ", 0 differ" in told
