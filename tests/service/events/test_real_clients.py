"""Segment's and RudderStack's own Python clients against a running service that their connection to keeps breaking."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from service.settings import Settings
from service.store.engine import moment, opened_log
from service.store.tables import events, events_aside, identities, traits
from tests.features.conftest import Shop
from tests.gardoon_client.dropping_server import dropping_server
from tests.running import run
from tests.service.real_shop import prepare, serving

pytestmark = pytest.mark.slow
AT = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


def segments_client(key: str, host: str, heard: list[Exception]) -> Any:
    from segment.analytics.client import Client

    return Client(key, host=host, upload_size=4, on_error=lambda error, _: heard.append(error))


def rudderstacks_client(key: str, host: str, heard: list[Exception]) -> Any:
    from rudderstack.analytics.client import Client

    return Client(key, host=host, upload_size=4, on_error=lambda error, _: heard.append(error))


def tell(client: Any, customer: str) -> set[str]:
    """The ids of messages of every kind, as the client queued them."""
    visitor = f"visitor of {customer}"
    queued = [
        client.track(anonymous_id=visitor, event="Newsletter Read", properties={"n": n}) for n in range(8)
    ]
    queued += [
        client.identify(customer, {"city": "Shiraz"}, anonymous_id=visitor),
        client.page(customer, "shop", "Home", {"path": "/"}),
        client.screen(customer, "shop", "Home"),
        client.group(customer, "friends", {"since": 2024}),
        client.alias(f"old {visitor}", customer),
        client.track(customer, "Newsletter Read", timestamp=AT, message_id=f"named by {customer}"),
    ]
    assert all(taken for taken, _ in queued)
    return {message["messageId"] for _, message in queued}


@pytest.mark.parametrize("make", [segments_client, rudderstacks_client])
def test_every_event_that_a_real_client_flushes_is_in_the_log_exactly_once(
    tmp_path: Path, busy_shop: Callable[[], Shop], make: Callable[..., Any]
) -> None:
    logging.getLogger("backoff").setLevel(logging.CRITICAL)
    prepare(tmp_path, busy_shop())
    key = run("service", "keys", "create", "site", "--scopes", "events", var=tmp_path).split()[-1]
    with ExitStack() as running:
        address, _ = running.enter_context(serving(tmp_path))
        server = running.enter_context(dropping_server(running.enter_context(httpx.Client(base_url=address))))
        server.faults.extend(["lose", None, "refuse", "break", "proxy error"])
        heard: list[Exception] = []
        client = make(key, server.address, heard)

        sent = tell(client, "customer 0")
        client.flush()
        client.join()
        stranger = make("gdn_0123456789ab_wrong", server.address, heard)
        asked = len(server.keys)
        stranger.track("customer 1", "Newsletter Read")
        stranger.flush()
        stranger.join()

    with opened_log(Settings(var=tmp_path).log_url) as engine, engine.connect() as connection:
        rows = {row.message_id: row for row in connection.execute(select(events))}
        assert rows.keys() == sent
        assert connection.execute(select(events_aside)).all() == []
        joined = {row.anonymous_id: row.customer_id for row in connection.execute(select(identities))}
        (trait,) = connection.execute(select(traits)).all()
    assert len(server.keys) >= 8, "the client asked again after each break"
    assert {row.customer_id for row in rows.values()} == {"customer 0"}
    assert joined == dict.fromkeys(("visitor of customer 0", "old visitor of customer 0"), "customer 0")
    assert (trait.name, json.loads(trait.value)) == ("city", "Shiraz")
    off = moment(rows["named by customer 0"].occurred_at) - AT
    assert abs(off.total_seconds()) < 5, "the same machine's clock is right; what is left is the way"
    assert len(server.keys) - asked == 1, "a refusal is not asked again"
    assert [getattr(error, "status", None) for error in heard] == [401]
