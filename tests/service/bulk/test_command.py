"""`decide-batch` as an operator meets it: what it refuses, what it leaves, and what it goes on with."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
import yaml
from sqlalchemy import func, select
from typer.testing import CliRunner

from models.artifact import Artifact
from models.inputs import SCORES
from service.app import utc_now
from service.bulk.on_spark import decide_on_spark, open_session
from service.bulk.preparing import Wanted, begin_run
from service.bulk.processes import decide_parts
from service.bulk.run import NOTE, RunError, read_run
from service.cli import app
from service.coupons.key_ring import open_coupon_keys
from service.learner import Learner
from service.point_files import load_decision_points
from service.settings import Settings
from service.store.engine import opened_log
from service.store.tables import coupons, decisions, draws
from tests.features.conftest import Shop
from tests.service.conftest import publish_champions, starting_policies
from tests.service.real_shop import ROOT, prepare, serving
from tests.service_image import as_in_its_image

CHANNELS = ("email", "sms", "app_push", "web_push")
N_CUSTOMERS = 120
WHEEL = ["--journey", "lucky_wheel"]


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["decide-batch", *arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log that has champions, and a list of nobody."""
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    settings, now = Settings(), datetime.now(UTC)
    with opened_log(settings.log_url) as engine:
        scorers = {name: Artifact({"kind": "scorer", "name": name}) for name in SCORES}
        publish_champions(engine, {**scorers, **starting_policies()}, now)
        Learner(engine, load_decision_points(settings.decision_points)).step(now)
    (tmp_path / "list.csv").write_text("customer_id\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (WHEEL, "wanted --segment, --customers or both"),
        ([*WHEEL, "--segment", "nobody"], "no segment 'nobody'; there are ["),
        ([*WHEEL, "--segment", "best_customers"], "training segment best_customers --list FILE"),
        (["--journey", "wheel", "--customers", "{list}"], "no journey 'wheel'; there are ["),
        ([*WHEEL, "--customers", "{list}", "--at", "noon"], "--at noon: wanted a time"),
        ([*WHEEL, "--customers", "{list}", "--at", "2020-01-01"], "wanted one at most 12 hours ago"),
        ([*WHEEL, "--segment", "regulars"], "online.db"),
    ],
)
def test_what_cannot_be_decided_is_refused_before_anything_is_written(
    shop: Path, arguments: list[str], told: str
) -> None:
    out = shop / "out"

    output = call("--out", str(out), *[each.format(list=shop / "list.csv") for each in arguments], code=2)

    assert told in output
    assert not (out / NOTE).exists()


def test_a_folder_that_cannot_be_is_refused(shop: Path) -> None:
    told = call(*WHEEL, "--customers", str(shop / "list.csv"), "--out", str(shop / "list.csv"), code=2)

    assert "list.csv: no folder can be there: File exists" in told


def test_a_run_of_nobody_is_complete_and_is_not_another_run(shop: Path) -> None:
    mine = [*WHEEL, "--customers", str(shop / "list.csv"), "--out", str(shop / "out")]

    first, again = call(*mine), call(*mine)
    ranked = call(*mine, "--segment", "best_customers", code=2)
    other = call("--journey", "cross_sell", *mine[2:], code=2)

    assert "0 of 0 customers decided about: nobody" in first
    assert again == first
    assert "segment None (now best_customers)" in ranked
    assert "journey lucky_wheel (now cross_sell)" in other


def test_a_run_whose_rules_changed_is_not_gone_on_with(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [*WHEEL, "--customers", str(shop / "list.csv"), "--out", str(shop / "out")]
    call(*mine)
    points = shop / "points"
    points.mkdir()
    shipped = Settings().decision_points / "lucky_wheel.yaml"
    (points / "lucky_wheel.yaml").write_text(shipped.read_text(encoding="utf-8").replace("16", "15"))
    monkeypatch.setenv("GARDOON_DECISION_POINTS", str(points))

    assert "put the old rules back to finish it" in call(*mine, code=2)


def test_without_champions_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    (tmp_path / "list.csv").write_text("customer_id\n")

    told = call(*WHEEL, "--customers", str(tmp_path / "list.csv"), "--out", str(tmp_path / "out"), code=2)

    assert "no champion scorers and policies have been published" in told


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop on the real parts, whose customers may be reached on every channel."""
    from features.engine import duckdb_backend

    var = tmp_path_factory.mktemp("var")
    allowed = {f"{what}_{channel}": True for what in ("consent", "reachable") for channel in CHANNELS}
    with duckdb_backend() as backend:
        made = Shop(backend)
    for number in range(N_CUSTOMERS):
        made.customer(f"customer {number}", "2023-12-01", time_zone="Asia/Tehran", **allowed)
        made.order(f"customer {number}", "2024-02-10T12:00")
    prepare(var, made)
    return var


def ask_at_random(address: str, stop: threading.Event, answers: list[dict[str, Any]]) -> None:
    """Ask the wheel for customers that the run decides about too, until told to stop."""
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=20)) as connection:
        for number in itertools.count(N_CUSTOMERS // 2):
            body = {"customer_id": f"customer {number * 7 % N_CUSTOMERS}", "journey": "lucky_wheel"}
            connection.request("POST", "/v1/decide", json.dumps(body), {"content-type": "application/json"})
            answers.append(json.loads(connection.getresponse().read()))
            if stop.wait(0.05):
                return


def allow_at_any_hour(wheel: Path) -> None:
    """Let the wheel turn in the night, too: its processes go by the real clock."""
    declared = yaml.safe_load(wheel.read_text(encoding="utf-8"))
    declared["send_time"]["quiet_hours"] = None
    declared["coupon"]["minimum_life_minutes"] = 0
    wheel.write_text(yaml.safe_dump(declared), encoding="utf-8")


@pytest.mark.slow
def test_a_run_that_was_killed_beside_a_live_service_ends_with_one_decision_for_everybody(
    real: Path, tmp_path: Path
) -> None:
    """Killed when the first part is there: two processes are left, and a service answers about the same customers."""
    everybody = {"feature": "tenure_days", "known": True}
    segments = tmp_path / "points"
    segments.mkdir()
    for path in Settings().decision_points.glob("*.yaml"):
        (segments / path.name).write_bytes(path.read_bytes())
    allow_at_any_hour(segments / "lucky_wheel.yaml")
    (segments / "segments").mkdir()
    declared = {"name": "everybody", "description": "", "where": everybody}
    (segments / "segments" / "everybody.yaml").write_text(json.dumps(declared))
    given = {"GARDOON_VAR": str(real), "GARDOON_DECISION_POINTS": str(segments)}
    out, environment = tmp_path / "run", as_in_its_image() | given
    command = [sys.executable, "-m", "service", "decide-batch", *WHEEL, "--segment", "everybody"]
    command += ["--out", str(out), "--part-rows", "20"]
    stop, answers = threading.Event(), list[dict[str, Any]]()

    with serving(real, GARDOON_DECISION_POINTS=str(segments)) as (address, _):
        asking = threading.Thread(target=ask_at_random, args=(address, stop, answers))
        asking.start()
        kill_when(command, environment, out, parts=1)
        done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
        stop.set()
        asking.join(timeout=30)

    assert done.returncode == 0, done.stderr
    rows = read_parts(out)
    run = read_run(out)
    assert run is not None
    assert sorted(row["customer_id"] for row in rows) == sorted(f"customer {n}" for n in range(N_CUSTOMERS))
    assert all(row["decision_id"] == run.decision_id(row["customer_id"]) for row in rows)
    with opened_log(Settings(var=real).log_url) as engine, engine.connect() as connection:
        logged = set(connection.scalars(select(decisions.c.decision_id)))
        drawn = Counter(connection.scalars(select(draws.c.customer_id)))
        given = connection.scalar(select(func.count()).select_from(coupons)) or 0
    assert len(answers) > 3
    assert logged == {row["decision_id"] for row in rows} | {each["decision_id"] for each in answers}
    assert set(drawn.values()) == {1}
    fresh = [each for each in [*rows, *answers] if not json.loads(each.get("answer", "{}")).get("repeats")]
    assert given <= len(fresh)
    assert verified(environment).endswith("0 differ")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Spark leaves sockets open
def test_spark_makes_the_decisions_of_local_processes(real: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none here")
    copy, here, there = tmp_path / "var", tmp_path / "here", tmp_path / "there"
    open_coupon_keys(Settings(var=real), utc_now, os.urandom)  # one for both
    shutil.copytree(real, copy)
    names = [f"customer {number}" for number in range(N_CUSTOMERS)]
    (tmp_path / "list.csv").write_text("\n".join(["customer_id", *names, "stranger"]))
    wanted = Wanted(
        journey="churn_prevention", segment=None, customers=tmp_path / "list.csv", at=None, part_rows=40
    )
    run = begin_run(Settings(var=real), there, wanted, utc_now())
    shutil.copytree(there, here)

    decide_parts(Settings(var=copy), here, run.parts, lambda: True)
    session = open_session("", 2)
    try:
        done = list(decide_on_spark(session, Settings(var=real), there, run.parts))
        again = list(decide_on_spark(session, Settings(var=real), there, []))
    finally:
        session.stop()

    assert (done, again) == ([4], [])
    assert read_parts(there) == read_parts(here)
    assert [row["customer_id"] for row in read_parts(there)] == [*names, "stranger"]


def test_without_spark_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)

    with pytest.raises(RunError, match="Spark is not installed here: `pip install"):
        open_session("", 2)


@pytest.mark.slow
def test_spark_that_does_not_start_is_told_without_its_traces(shop: Path) -> None:
    pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    asked = [*WHEEL, "--customers", str(shop / "list.csv"), "--out", str(shop / "out"), "--engine", "spark"]

    refused = subprocess.run(  # in a process of its own, for one that had Java before keeps it
        [sys.executable, "-m", "service", "decide-batch", *asked],
        cwd=ROOT,
        env={**os.environ, "JAVA_HOME": str(shop)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2, refused.stderr
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("Spark does not start, which needs Java 17: ")
    assert "Traceback" not in refused.stderr


def read_parts(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def kill_when(command: list[str], environment: dict[str, str], out: Path, *, parts: int) -> None:
    """Kill the command, and it alone, as soon as so many parts are there."""
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 90
    while len(list(out.glob("part-*.parquet"))) < parts and process.poll() is None:
        assert time.monotonic() < end, "no part in time"
        time.sleep(0.002)
    process.kill()
    process.wait()


def verified(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "service", "verify"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()
