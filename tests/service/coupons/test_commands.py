"""`python -m service coupon-keys`, and a running service that follows a rotation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from tests.features.conftest import Shop
from tests.running import post, wait_for
from tests.service.real_shop import prepare, serving


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command on an empty folder and gives what it printed."""
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))

    def run(*arguments: str, ends_with: int = 0) -> str:
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
        assert result.exit_code == ends_with, result.output
        return result.output

    return run


def test_keys_are_made_listed_and_published_without_their_secrets(
    run: Callable[..., str], tmp_path: Path
) -> None:
    first = re.findall(r"(\S+) .* signs", run("coupon-keys", "list"))
    second = run("coupon-keys", "rotate").split()[0]
    third = run("coupon-keys", "rotate", "--after-hours", "24").split()[0]

    listed = {
        line.split()[0]: line.split("UTC")[-1].strip() for line in run("coupon-keys", "list").splitlines()[1:]
    }
    published = run("coupon-keys", "public")

    assert listed == {first[0]: "checks only", second: "signs", third: "not used yet"}
    assert [key["kid"] for key in json.loads(published)["keys"]] == [first[0], second, third]
    secrets = [key["d"] for key in json.loads((tmp_path / "coupon_keys.json").read_text())["keys"]]
    assert not any(secret in published for secret in secrets)


def test_rotation_and_revocation_are_on_record(run: Callable[..., str]) -> None:
    first, second = (run("coupon-keys", "rotate").split()[0] for _ in range(2))
    run("coupon-keys", "revoke", first)
    refused = run("coupon-keys", "revoke", second, ends_with=1)

    recorded = run("audit")
    assert "rotate first" in refused
    assert re.search(rf"coupon_key\.added +coupon-key:{second}", recorded)
    assert re.search(rf"coupon_key\.revoked +coupon-key:{first}", recorded)
    assert re.search(rf"{first} .* revoked", run("coupon-keys", "list"))


@pytest.mark.parametrize("key_id", ["-pfBk1Y0", "--fBk1Y0"])
def test_an_id_that_looks_like_an_option_is_an_id(run: Callable[..., str], key_id: str) -> None:
    run("coupon-keys", "list")

    refused = run("coupon-keys", "revoke", key_id, ends_with=1)

    assert f"no key '{key_id}'" in refused


def test_a_named_file_that_is_missing_is_an_error_that_says_what_to_do(
    run: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDOON_COUPON_KEYS", str(tmp_path / "shared" / "keys.json"))

    refused = run("coupon-keys", "list", ends_with=1)
    run("coupon-keys", "rotate")

    assert "coupon-keys rotate" in refused
    assert "signs" in run("coupon-keys", "list")


@pytest.mark.slow
def test_a_running_service_signs_with_the_new_key_soon_after_a_rotation(
    tmp_path: Path, busy_shop: Callable[[], Shop], run: Callable[..., str]
) -> None:
    prepare(tmp_path, busy_shop())
    with serving(tmp_path, GARDOON_POLL_SECONDS="0.2") as (address, _):

        def signing_key() -> str:
            request = {"customer_id": "visitor", "journey": "churn_prevention", "dry_run": True}
            return str(post(f"{address}/v1/decide", request)["versions"]["coupon_key"])

        before = signing_key()
        key = run("coupon-keys", "rotate").split()[0]

        wait_for(lambda: signing_key() == key, seconds=10, what="the new key")
    assert before != key
