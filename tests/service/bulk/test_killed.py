"""A process that decides is killed at any point, again and again: nobody is decided about twice, nobody is missed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from features.schema import load_schema
from service.bulk.customer_list import read_part, write_list
from service.bulk.decider import BulkDecider
from service.bulk.part import missing_parts, write_part
from service.bulk.run import Run
from service.course import Rules
from service.model_feed import published_versions
from service.point_files import load_decision_points
from service.record import DecisionRecord
from service.settings import Settings
from service.store.engine import opened_log
from service.store.tables import coupons, decisions
from tests.service.conftest import KEY, FakeFeatureReader, Worker, build_fake_models, stored_customer

KILLS, N_CUSTOMERS, PART_ROWS = 6, 300, 20
CUSTOMERS = [f"c{number}" for number in range(N_CUSTOMERS)]
READER = FakeFeatureReader({name: stored_customer(name, recency_days=3.0) for name in CUSTOMERS})


def decide_all(url: str, folder: Path, run: Run) -> None:
    """What a process of a run does, on its own connections."""
    with opened_log(url) as engine:
        point = load_decision_points(Settings().decision_points)[run.journey]
        decider = BulkDecider(
            run=run,
            schema=load_schema(),
            engine=engine,
            reader=READER,
            models=build_fake_models(run.versions, load_schema(), engine),
            find_rules=lambda: Rules(point, run.rules, "Asia/Tehran", "IRT", KEY),
        )
        for number in missing_parts(folder, run.parts):
            write_part(folder, number, decider.decide(read_part(folder, number)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_is_killed_at_any_point_leaves_nothing_undone_and_nothing_done_twice(
    make_worker: Callable[..., Worker], log_url: str, tmp_path: Path
) -> None:
    """Six times, up to 30 ms after a further part is there: within a commit, between commits, while a file is written."""
    worker = make_worker(points=load_decision_points(Settings().decision_points))
    with worker.state.engine.connect() as connection:
        versions = published_versions(connection)
    assert versions is not None
    run = Run(
        run_id="k" * 32,
        at=worker.clock(),
        journey="lucky_wheel",
        segment=None,
        source="",
        customers=N_CUSTOMERS,
        part_rows=PART_ROWS,
        rules=worker.state.rules["lucky_wheel"].version,
        versions=versions,
    )
    write_list(tmp_path, pa.array(CUSTOMERS), PART_ROWS)
    context = get_context("fork")

    for seconds in np.random.default_rng(7).uniform(0, 0.03, KILLS):
        missing = len(missing_parts(tmp_path, run.parts))
        process = context.Process(target=decide_all, args=(log_url, tmp_path, run))
        process.start()
        while process.is_alive() and len(missing_parts(tmp_path, run.parts)) == missing:
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()
        process.join(timeout=20)
        assert process.exitcode == -signal.SIGKILL
    assert missing_parts(tmp_path, run.parts)
    decide_all(log_url, tmp_path, run)

    answers = [
        row
        for number in run.parts
        for row in pq.read_table(tmp_path / f"part-{number:05d}.parquet").to_pylist()
    ]
    assert [row["customer_id"] for row in answers] == CUSTOMERS
    with worker.state.engine.connect() as connection:
        logged = {row.decision_id: row.record for row in connection.execute(select(decisions))}
        given = set(connection.scalars(select(coupons.c.decision_id)))
    assert logged.keys() == {row["decision_id"] for row in answers}
    for row in answers:
        assert DecisionRecord.of_stored(logged[row["decision_id"]]).answer == row["answer"]
    assert given == {row["decision_id"] for row in answers if row["coupon_code"]}
