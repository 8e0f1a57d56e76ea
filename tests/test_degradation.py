"""What happens when a part is really away: Redis and PostgreSQL killed, or standing still, and back again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from features.schema import load_schema
from tests.databases import postgres_server, standing_still
from tests.features.conftest import Shop
from tests.production_shape import redis_server
from tests.running import ROOT, run, wait_for
from tests.service.real_shop import AS_OF, free_port, prepare, serving, where_it_is_noon

pytestmark = pytest.mark.slow
CUSTOMER = "customer 0"
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


def decide(
    address: str, customer_id: str, *, key: str = "", **asked: Any
) -> tuple[int, dict[str, Any], Any, float]:
    """Status, body, headers and seconds of one decision."""
    body = json.dumps({"customer_id": customer_id, "journey": "cart_abandonment", **asked}).encode()
    headers = {"content-type": "application/json", **({"Idempotency-Key": key} if key else {})}
    request, began = (
        Request(f"{address}/v1/decide", body, headers),
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


@dataclass(frozen=True)
class Parts:
    """A service with its stores, each of which a test may stop."""

    address: str
    server: Any
    redis_port: int
    redis: subprocess.Popen[bytes]


@contextmanager
def running_parts(folder: Path, shop: Shop) -> Iterator[Parts]:
    """The service on PostgreSQL and Redis; `verify` is run over everything that was logged meanwhile."""
    port, noon = free_port(), where_it_is_noon()
    given = {
        "GARDOON_FEATURE_STORE_YAML": str(YAML),
        "GARDOON_REDIS": f"127.0.0.1:{port}",
        "GARDOON_REGISTRY": f"sqlite:///{folder / 'registry.db'}",
        "FEAST_USAGE": "False",
        "GARDOON_TIME_ZONE": noon,
    }
    with postgres_server() as server, running_redis(port, folder) as redis:
        url = server.get_uri()
        prepare(folder, shop.move_to(noon), url)
        script = FILL.format(var=str(folder), yaml=str(YAML), as_of=AS_OF.isoformat())
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, **given}, check=True)
        with serving(folder, GARDOON_DATABASE_URL=url, GARDOON_POLL_SECONDS="0.2", **given) as (address, _):
            status, known, _, _ = decide(address, CUSTOMER)
            assert (status, known["degraded"]) == (200, [])
            yield Parts(address, server, port, redis)
        told = run("service", "verify", var=folder, database_url=url)
    assert ", 0 differ" in told


def test_redis_and_postgresql_go_away_and_come_back(tmp_path: Path, busy_shop: Callable[[], Shop]) -> None:
    every_view = [f"{view.name}:missing" for view in load_schema().views]
    with running_parts(tmp_path, busy_shop()) as parts:
        address = parts.address
        parts.redis.kill()
        parts.redis.wait()
        first, later = decide(address, CUSTOMER), decide(address, CUSTOMER)
        for status, answer, _, seconds in (first, later):
            assert (status, answer["degraded"]) == (200, every_view)
            assert (answer["status"], answer["channel"]) == ("suppressed", None)
            assert seconds < 3
        assert later[3] < 1, "only the first may wait for the store's timeout"
        assert metric(address, "gardoon_online_store_up") == 0
        with running_redis(parts.redis_port, tmp_path):
            up = "gardoon_online_store_up"
            wait_for(lambda: metric(address, up) == 1, seconds=20, what="the store to be asked again")

        parts.server.stop()
        status, problem, headers, seconds = decide(address, CUSTOMER)
        assert (status, problem["status"]) == (503, 503)
        assert "coupon" not in problem
        assert int(headers["Retry-After"]) >= 1
        assert seconds < 5
        assert metric(address, 'gardoon_unavailable_total{error="LogUnavailableError"}') >= 1
        parts.server.ensure_postgres_running()
        wait_for(lambda: decide(address, CUSTOMER)[0] == 200, seconds=30, what="the log to be back")


def test_parts_that_stand_still_hold_up_no_request(tmp_path: Path, busy_shop: Callable[[], Shop]) -> None:
    up = "gardoon_online_store_up"
    wheel = {"journey": "lucky_wheel", "decide": ["coupon"], "baseline": {"coupon": "10000"}}
    with running_parts(tmp_path, busy_shop()) as parts:
        address = parts.address
        parts.redis.send_signal(signal.SIGSTOP)
        status, baseline, _, seconds = decide(address, "customer 1", timeout_ms=300, **wheel)
        assert (status, baseline["status"], baseline["coupon"]["amount"]) == (200, "fallback", 10_000)
        assert 0.3 < seconds < 3
        assert metric(address, up) == 1, "one caller's hurry says nothing of the store"
        unlimited, later = decide(address, CUSTOMER), decide(address, CUSTOMER)
        assert unlimited[0] == later[0] == 200
        assert later[1]["degraded"]
        assert unlimited[3] < 4
        assert metric(address, up) == 0
        assert later[3] < 1
        parts.redis.send_signal(signal.SIGCONT)
        wait_for(lambda: metric(address, up) == 1, seconds=20, what="Redis to go on")

        with standing_still(parts.server), ThreadPoolExecutor(41) as callers:
            hurried = callers.submit(decide, address, CUSTOMER, key="again", timeout_ms=200)
            queued = [callers.submit(decide, address, f"customer {number}") for number in range(40)]
            answers = [call.result() for call in [hurried, *queued]]
            after = decide(address, CUSTOMER)
        assert {status for status, _, _, _ in [*answers, after]} == {503}
        assert answers[0][3] < 4
        assert max(seconds for _, _, _, seconds in answers) < 10, "one patience for all, not one for each"
        assert after[3] < 1
        wait_for(lambda: decide(address, CUSTOMER)[0] == 200, seconds=20, what="PostgreSQL to go on")
        assert metric(address, "gardoon_log_up") == 1
