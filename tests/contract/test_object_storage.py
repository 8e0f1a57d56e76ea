"""The log in a bucket of a server that speaks S3: exported there, imported from there, and a customer forgotten there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from pyarrow import fs
from typer.testing import CliRunner

from features.offline import build_snapshots
from service.cli import app as service
from tests.running import wait_for
from tests.service.conftest import Worker, stored_customer
from tests.service.events.test_event_routes import identify, send, track
from tests.service.real_shop import free_port
from training.cli import app as training
from training.importing.told_export import open_told_export

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("told", "bucket")]
BEGIN = datetime(2025, 1, 20, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BUCKET = "shop"
EXPORT = f"s3://{BUCKET}/exports/log"
SHE, VISITOR = "she-is-forgotten", "a-visit-of-hers"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of moto, in a process of its own, which a `kill` ends."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: answers(address), seconds=60, what="the S3 server")
            yield address
        finally:
            process.kill()


def answers(address: str) -> bool:
    try:
        urlopen(address, timeout=5).close()
    except HTTPError as error:
        error.close()
    except URLError:
        return False
    return True


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> fs.FileSystem:
    """An empty one, as the commands' environment names it."""
    urlopen(Request(f"{server}/moto-api/reset", method="POST"), timeout=10).close()
    said = {
        "ENDPOINT_URL": server,
        "ACCESS_KEY_ID": "tests",
        "SECRET_ACCESS_KEY": "tests",
        "REGION": "us-east-1",
    }
    for name, value in said.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    base, _ = fs.FileSystem.from_uri(f"s3://{BUCKET}?allow_bucket_creation=true")
    base.create_dir(BUCKET)
    return fs.SubTreeFileSystem(EXPORT.removeprefix("s3://"), base)


@pytest.fixture
def told(
    make_worker: Callable[..., Worker], log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two days of hers and of two others, of a visit before she was known, purchases and decisions; the third is his."""
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    worker = make_worker()
    worker.clock.now = BEGIN
    send(worker, seen("v1", userId=None, anonymousId=VISITOR), bought("o1", SHE), bought("o2", "he"))
    for customer in (SHE, "he"):
        worker.reader.customers[customer] = stored_customer(customer, worker.clock(), recency_days=3.0)
        worker.decide(customer_id=customer)
    worker.clock.now += DAY
    send(worker, identify("i1", userId=SHE, anonymousId=VISITOR, traits={"consent_sms": True}))
    send(worker, bought("o3", SHE), seen("v2", userId="they"))
    worker.clock.now += DAY
    send(worker, bought("o4", "he"))


def seen(message_id: str, **whose: str | None) -> dict[str, object]:
    return track(message_id, event="product_viewed", properties={"product_id": "tea"}, **whose)


def bought(order_id: str, customer: str) -> dict[str, object]:
    about = {"order_id": order_id, "amount": 900, "currency": "IRT"}
    return track(order_id, event="purchased", userId=customer, properties=about)


def run(app: typer.Typer, *arguments: str) -> list[str]:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout.splitlines()


def export(days: int) -> list[str]:
    """What the command says of each of the first days that it wrote."""
    *said, _ = run(service, "export-log", "--out", EXPORT, "--until", str((BEGIN + days * DAY).date()))
    return said


def import_log(var: Path, name: str, *source: str) -> str:
    """The fingerprint of the data set."""
    run(training, "import", "log", "--name", name, "--var", str(var), *source)
    fingerprint: str = json.loads((var / "data" / name / "dataset.json").read_text())["fingerprint"]
    return fingerprint


def features(var: Path, name: str) -> dict[str, bytes]:
    """The files of every view as of the end, by name."""
    out = var / f"snapshots of {name}"
    build_snapshots(var / "data" / name, [BEGIN + 3 * DAY], out)
    return {path.name: path.read_bytes() for path in out.glob("*.parquet")}


def objects(bucket: fs.FileSystem) -> dict[str, bytes]:
    """What the bucket holds below the export's address."""
    infos = bucket.get_file_info(fs.FileSelector("", recursive=True))
    return {
        info.path: bucket.open_input_stream(info.path).read()
        for info in infos
        if info.type == fs.FileType.File
    }


def in_plain(found: dict[str, bytes]) -> str:
    """All that the objects hold, that of Parquet as JSON."""
    read = {
        path: pq.read_table(pa.BufferReader(data)).to_pylist() if path.endswith(".parquet") else data.decode()
        for path, data in found.items()
    }
    return json.dumps(read, default=str)


def test_a_data_set_and_its_features_from_the_bucket_are_those_from_the_database(
    bucket: fs.FileSystem, tmp_path: Path
) -> None:
    first = export(2)
    held = objects(bucket)
    second = export(3)

    by_export = import_log(tmp_path, "export", "--log", f"parquet:{EXPORT}")
    by_database = import_log(tmp_path, "database")

    third = str((BEGIN + 2 * DAY).date())
    assert "2 decisions" in first[0]
    assert [line for line in second if "events" in line] == [f"{third}: 1 events"]
    assert {path for path in objects(bucket) if path not in held} == {
        f"days/{third}.json",
        f"event_days/{third}.json",
        f"events/day={third}/part.parquet",
    }
    assert by_export == by_database
    assert features(tmp_path, "export") == features(tmp_path, "database")


def test_forgetting_takes_a_customer_out_of_the_bucket_and_nobody_else(bucket: fs.FileSystem) -> None:
    export(3)
    before = objects(bucket)

    said = run(service, "forget", SHE, "--yes", "--exports", EXPORT)

    after = objects(bucket)
    assert f"exports {EXPORT}: 1 decisions, 4 events, 1 traits, 1 identities in 5 files" in said
    assert in_plain(before).count(SHE) > 5
    for gone in (SHE, VISITOR):
        assert gone in in_plain(before)
        assert gone not in in_plain(after)
    assert before.keys() - after.keys() == {"identities/part.parquet", "traits/part.parquet"}  # hers alone
    assert {path for path in after if after[path] == before[path]} >= {
        f"events/day={(BEGIN + 2 * DAY).date()}/part.parquet",
        *(path for path in before if path.startswith(("days/", "rules/"))),
    }
    with open_told_export(EXPORT) as whole:  # whose notes tell of the files as they are
        assert sorted(str(event.customer_id) for event in whole.events()) == ["he", "he", "they"]
    export(3)
    assert SHE not in in_plain(objects(bucket))


def test_a_bucket_that_is_not_there_is_named() -> None:
    nowhere = "s3://nobodys/log"

    for app, *command in (
        (service, "export-log", "--until", "2025-01-22", "--out", nowhere),
        (training, "import", "log", "--log", f"parquet:{nowhere}"),
        (service, "forget", SHE, "--yes", "--exports", nowhere),
    ):
        refused = CliRunner().invoke(app, command)

        assert refused.exit_code == 2
        assert nowhere in refused.stderr
    run(service, "forget", SHE, "--yes")  # who was not forgotten by halves
