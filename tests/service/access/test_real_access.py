"""Access to two workers of a real server: closed with the first key, a revoked key out of every worker within seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.features.conftest import Shop
from tests.running import wait_for
from tests.service.access.local_issuer import local_issuer
from tests.service.real_shop import ROOT, free_port, prepare, wait_until_ready
from tests.service_image import as_in_its_image

pytestmark = pytest.mark.slow
QUESTION = {"customer_id": "customer 0", "journey": "churn_prevention", "dry_run": True}
KNOWN_WITHIN_SECONDS = 5.0
"""GARDOON_ACCESS_SECONDS and then some, for a busy machine."""


@contextmanager
def two_workers(environment: dict[str, str]) -> Iterator[str]:
    """The address of a server of two workers, ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def status(address: str, credential: str = "") -> int:
    """The status of a decision asked over a connection of its own, so that either worker may get it."""
    headers = {"content-type": "application/json"}
    if credential:
        headers["authorization"] = f"Bearer {credential}"
    try:
        with urlopen(
            Request(f"{address}/v1/decide", json.dumps(QUESTION).encode(), headers), timeout=10
        ) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def everywhere(address: str, wanted: int, credential: str = "") -> bool:
    """Whether thirty requests in a row are answered so, whichever worker takes each."""
    return all(status(address, credential) == wanted for _ in range(30))


def keys(environment: dict[str, str], *arguments: str) -> str:
    """What `python -m service keys ...` prints."""
    command = [sys.executable, "-m", "service", "keys", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_every_worker_learns_of_keys_and_of_their_end_within_seconds(
    tmp_path: Path, log_url: str, busy_shop: Callable[[], Shop]
) -> None:
    prepare(tmp_path, busy_shop(), log_url)
    environment = {
        **os.environ,
        **as_in_its_image(),
        "GARDOON_VAR": str(tmp_path),
        "GARDOON_DATABASE_URL": log_url,
    }
    with two_workers(environment) as address:
        assert everywhere(address, 200)

        first = keys(environment, "create", "shop", "--scopes", "decide")
        key_id = first.split("_")[1]
        wait_for(
            lambda: everywhere(address, 401), seconds=KNOWN_WITHIN_SECONDS, what="the service to be closed"
        )
        assert everywhere(address, 200, first)

        second = keys(environment, "rotate", key_id)
        wait_for(
            lambda: everywhere(address, 200, second), seconds=KNOWN_WITHIN_SECONDS, what="the new secret"
        )
        assert everywhere(address, 200, first), "the overlap lasts a day"

        keys(environment, "revoke", key_id)
        revoked_at = time.monotonic()
        wait_for(lambda: everywhere(address, 401, second), seconds=KNOWN_WITHIN_SECONDS, what="the key's end")
        print(f"out of both workers {time.monotonic() - revoked_at:.2f} s after the command ended")
        assert everywhere(address, 401, first)
        assert everywhere(address, 401), "nothing opens when the last key is gone"


def test_a_token_of_the_issuer_decides_and_one_without_the_scope_does_not(
    tmp_path: Path, busy_shop: Callable[[], Shop]
) -> None:
    prepare(tmp_path, busy_shop())
    with local_issuer() as issuer:
        environment = {
            **os.environ,
            **as_in_its_image(),
            "GARDOON_VAR": str(tmp_path),
            "GARDOON_OIDC_ISSUER": issuer.url,
            "GARDOON_OIDC_AUDIENCE": "gardoon",
        }
        with two_workers(environment) as address:
            assert status(address) == 401
            assert everywhere(address, 200, issuer.token("first", scope="openid decide"))
            assert everywhere(address, 403, issuer.token("first", scope="read"))
            assert everywhere(address, 401, issuer.token("first", aud="another"))
        # Once a worker that was asked: the kernel may choose one of them for every connection.
        assert 1 <= issuer.asked.count("/jwks") <= 2
