"""The refresher's process on PostgreSQL and Redis: killed in the middle, another one goes on and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from features.online_redis import RedisFeatureReader
from features.redis_settings import redis_settings
from features.schema import load_schema
from service.events.told import Told
from service.store.event_log import record_events
from service.store.stale_features import Cause, read_backlog
from service.store.tables import stale_features
from tests.databases import POSTGRESQL
from tests.production_shape import running_redis
from tests.running import ROOT, wait_for
from tests.service_image import as_in_its_image

CUSTOMERS = [f"customer {number}" for number in range(1_200)]
YAML = """
project: gardoon
provider: local
entity_key_serialization_version: 3
online_store: {{type: redis, connection_string: "{address}"}}
"""


@contextmanager
def refreshing(var: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `python -m service refresh`; killed at the end if it still runs."""
    command = [sys.executable, "-m", "service", "refresh"]
    given = {**os.environ, **as_in_its_image(), **environment, "GARDOON_VAR": str(var)}
    with (var / "refresher.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=given, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)


def page_views(now: datetime) -> list[Told]:
    return [
        Told(
            message_id=f"m {who}",
            customer_id=who,
            anonymous_id=None,
            type="track",
            name="product_viewed",
            occurred_at=now,
            content={"properties": {"product_id": "p"}},
        )
        for who in CUSTOMERS
    ]


def waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return read_backlog(connection).length


@pytest.mark.slow
@pytest.mark.parametrize("log_url", [POSTGRESQL], indirect=True)
def test_another_process_goes_on_after_sigkill_and_every_event_counts_once(
    engine: Engine, log_url: str, tmp_path: Path
) -> None:
    settings = tmp_path / "feature_store.yaml"
    now = datetime.now(UTC)
    record_events(engine, page_views(now), [], received_at=now)
    with running_redis(tmp_path) as address:
        settings.write_text(YAML.format(address=address))
        given = {"GARDOON_DATABASE_URL": log_url, "GARDOON_FEATURE_STORE_YAML": str(settings)}
        with refreshing(tmp_path, **given) as killed:
            wait_for(lambda: waiting(engine) < len(CUSTOMERS), seconds=60, what="the first round")
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait(timeout=10)
            left = waiting(engine)
        with refreshing(tmp_path, **given):
            wait_for(lambda: waiting(engine) == 0, seconds=60, what="every event")
        store = {"type": "redis", "connection_string": address}
        server = redis_settings({"project": "gardoon", "online_store": store})
        with closing(RedisFeatureReader(settings=server, schema=load_schema())) as reader:
            counts = [reader.read(who).views["funnel"].values["product_views_1d"] for who in CUSTOMERS]

    assert 0 < left < len(CUSTOMERS)
    assert set(counts) == {1.0}
    with engine.connect() as connection:
        windows = stale_features.c.cause == Cause.WINDOW
        noted = connection.scalar(select(func.count()).where(windows))
    assert noted == len(CUSTOMERS)
    said = [json.loads(line) for line in (tmp_path / "refresher.log").read_text().splitlines()]
    assert {line["level"] for line in said} == {"info"}
