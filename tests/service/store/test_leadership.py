"""One learner learns, another waits; and two that learn at the same time cannot both commit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import IntegrityError

from models.catalogue import load_policy
from service.learner import Learner
from service.store.artifact_store import get_artifact, newest_snapshot
from service.store.decision_log import read_record
from service.store.engine import open_log
from service.store.leadership import learner_lock
from service.store.tables import decisions, outcomes, rewards, snapshots
from tests.running import ROOT, wait_for
from tests.service.conftest import Worker, starting_policies
from tests.service.real_shop import free_port
from tests.service.test_outcomes import outcome, send
from tests.service_image import as_in_its_image

LONG_AGO = datetime.now(UTC).replace(hour=9, minute=30, second=0, microsecond=0) - timedelta(days=60)
SENT_AT_ONCE = {"eligible": {"send_time": ["13"]}}  # in Tehran


def test_one_holds_the_lock_until_it_lets_go(engine: Engine, log_url: str) -> None:
    other_process = open_log(log_url)
    first, second = learner_lock(engine), learner_lock(other_process)

    held = [first.holds(), second.holds(), first.holds()]
    first.release()
    after = [second.holds(), first.holds()]
    second.release()
    other_process.dispose()

    assert held == [True, False, True]
    assert after == [True, False]


def decide_and_report(worker: Worker, number: int) -> str:
    """The id of a decision whose message was delivered, and clicked every other time."""
    answer = worker.decide(customer_id="c1", journey="cross_sell", **SENT_AT_ONCE)
    identity, at = str(answer["decision_id"]), answer["decided_at"]
    kinds = ("delivered", "clicked") if number % 2 else ("delivered",)
    sent = [outcome(identity, f"{kind}-{identity}", kind, occurred_at=at) for kind in kinds]
    assert send(worker, *sent) == [202] * len(sent)
    worker.clock.advance(seconds=20)
    return identity


def learnt(engine: Engine) -> dict[str, dict[str, np.ndarray]]:
    """What the newest snapshot's policies hold."""
    with engine.connect() as connection:
        snapshot = newest_snapshot(connection)
    assert snapshot is not None
    return {name: get_artifact(engine, digest).arrays for name, digest in snapshot.policies.items()}


def taught_once(engine: Engine, policy_name: str, decision: str) -> dict[str, np.ndarray]:
    """The policy as it must be having learnt each closed round of the log once."""
    policy = load_policy(starting_policies()[policy_name])
    query = select(rewards).where(rewards.c.decision == decision, rewards.c.state == "resolved")
    with engine.connect() as connection:
        noted = connection.execute(query.order_by(rewards.c.decision_id)).mappings().all()
    for row in noted:
        record = read_record(engine, row["decision_id"])
        (round_,) = [r for r in record.rounds if r.decision == decision]
        policy.learn_one(round_.context_array(), round_.action, row["reward"])
    return policy.to_artifact().arrays


def test_of_two_that_step_at_the_same_moment_one_fails_and_nothing_is_learnt_twice(
    worker: Worker, log_url: str
) -> None:
    engine, rival_engine = worker.state.engine, open_log(log_url)
    worker.clock.now = LONG_AGO
    for number in range(6):
        decide_and_report(worker, number)
    worker.clock.now = datetime.now(UTC)
    rival = Learner(rival_engine, worker.learner.points)
    steps = []

    @event.listens_for(engine, "before_cursor_execute")
    def rival_commits_first(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE outcomes") and not steps:
            steps.append(rival.step(worker.clock()))

    with pytest.raises(IntegrityError):
        worker.learner.step(worker.clock())
    worker.learner.step(worker.clock())
    rival_engine.dispose()

    assert steps[0] is not None
    found = learnt(engine)["channel_policy"]
    for name, wanted in taught_once(engine, "channel_policy", "channel").items():
        np.testing.assert_allclose(found[name], wanted, atol=1e-9)
    assert found["count"].sum() == 6


def test_one_that_comes_back_after_another_learnt_does_not_go_on_from_what_it_remembers(
    worker: Worker, log_url: str
) -> None:
    rival_engine = open_log(log_url)
    rival = Learner(rival_engine, worker.learner.points)
    decided = worker.decide(customer_id="c1", eligible={"send_time": ["13"]}, excluded={"coupon": ["none"]})
    send(worker, outcome(decided["decision_id"], kind="delivered"))
    worker.clock.advance(minutes=30)
    worker.learner.step(worker.clock())

    worker.clock.advance(days=3)
    rival.step(worker.clock())
    send(worker, outcome(decided["decision_id"], "late", "opened"))
    worker.learner.step(worker.clock())
    rival_engine.dispose()

    assert learnt(worker.state.engine)["channel_policy"]["count"].sum() == 1


@contextmanager
def learning(var: Path, url: str, name: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The process of `python -m service learn` and what it logs; killed at the end if it still runs."""
    given = {
        **as_in_its_image(),
        "GARDOON_VAR": str(var),
        "GARDOON_DATABASE_URL": url,
        "GARDOON_LEARN_SECONDS": "0.1",
        "GARDOON_REGISTRY_SECONDS": "600",
        "GARDOON_MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}",
    }
    logged = var / f"{name}.log"
    with logged.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "learn"], cwd=ROOT, env={**os.environ, **given}, stderr=log
        )
    try:
        yield process, logged
    finally:
        process.kill()
        process.wait(timeout=10)


def says(logged: Path, event_name: str) -> bool:
    lines = [json.loads(line) for line in logged.read_text().splitlines() if line.startswith("{")]
    return any(line["event"] == event_name for line in lines)


def count(engine: Engine, condition: object) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).where(condition)) or 0)  # type: ignore[arg-type]


def newest(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.max(snapshots.c.snapshot))) or 0)


@pytest.mark.slow
def test_another_learner_takes_over_within_seconds_after_sigkill_and_each_outcome_is_learnt_once(
    worker: Worker, log_url: str, tmp_path: Path
) -> None:
    engine = worker.state.engine
    worker.clock.now = LONG_AGO
    unlearnt, marked = outcomes.c.snapshot.is_(None), outcomes.c.snapshot.is_not(None)
    with learning(tmp_path, log_url, "first") as (leader, first_log):
        wait_for(lambda: says(first_log, "learning"), seconds=60, what="the first learner")
        with learning(tmp_path, log_url, "second") as (_, second_log):
            wait_for(lambda: says(second_log, "ready, another process learns"), seconds=60, what="the second")
            for number in range(30):
                decide_and_report(worker, number)
            wait_for(lambda: count(engine, marked) >= 1, seconds=30, what="the first to learn")
            for number in range(30, 60):
                decide_and_report(worker, number)
                if number == 31:
                    before, killed = newest(engine), time.monotonic()
                    os.kill(leader.pid, signal.SIGKILL)
            wait_for(lambda: newest(engine) > before, seconds=30, what="a snapshot of the second")
            took_over_s = time.monotonic() - killed
            wait_for(lambda: count(engine, unlearnt) == 0, seconds=30, what="every outcome to be learnt")
            resolved = (rewards.c.state == "resolved") & (rewards.c.decision == "channel")
            wait_for(lambda: count(engine, resolved) == 60, seconds=30, what="every round to be learnt")

    assert took_over_s < 10
    assert says(second_log, "learning")
    assert count(engine, decisions.c.decision_id != "") == 60
    found = learnt(engine)
    for policy_name, decision in {"channel_policy": "channel", "coupon_policy": "coupon"}.items():
        for name, wanted in taught_once(engine, policy_name, decision).items():
            np.testing.assert_allclose(found[policy_name][name], wanted, atol=1e-9, err_msg=policy_name)
