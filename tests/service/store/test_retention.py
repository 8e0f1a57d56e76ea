"""What is old goes, whole months at a time; what anything still needs stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from models.artifact import ArtifactError
from service.cli import app
from service.store.artifact_store import get_artifact, newest_snapshot
from service.store.engine import microseconds, open_log
from service.store.partition import first_id, make_partitions, partitions
from service.store.retention import OF_A_DECISION, Plan, carry_out, plan_retention
from service.store.tables import decisions, rank_events, rewards, snapshots
from service.upkeep import keep_up
from tests.databases import new_database
from tests.service.conftest import NOW, Worker, bread_and_butter, publish_champions
from tests.service.test_outcomes import outcome, send
from tests.service.test_verify import run_verify


def play(worker: Worker, months: int) -> list[str]:
    """The ids of decisions made a month apart, each delivered and learnt."""
    identities = []
    for number in range(months):
        with worker.state.engine.begin() as connection:
            make_partitions(connection, worker.clock())
        answer = worker.decide(customer_id="c1", journey="cross_sell", eligible={"send_time": ["13"]})
        identities.append(str(answer["decision_id"]))
        kinds = ("delivered", "clicked")
        at = answer["decided_at"]
        send(worker, *(outcome(identities[-1], f"{kind}-{number}", kind, occurred_at=at) for kind in kinds))
        worker.clock.advance(days=3)
        worker.learn()
        worker.clock.advance(days=28)
    return identities


def plan(engine: Engine, before: datetime) -> Plan:
    with engine.connect() as connection:
        return plan_retention(connection, before)


def ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(decisions.c.decision_id).order_by(decisions.c.decision_id)))


def rows_of(engine: Engine, identity: str) -> int:
    with engine.connect() as connection:
        return sum(
            connection.scalar(select(func.count()).where(table.c.decision_id == identity)) or 0
            for table in OF_A_DECISION
        )


def test_whole_old_months_go_and_what_is_kept_can_still_be_made_again(worker: Worker) -> None:
    engine = worker.state.engine
    played = play(worker, 5)
    with engine.connect() as connection:
        before_parts = partitions(connection)

    found = plan(engine, NOW + timedelta(days=65))
    carry_out(engine, found)

    assert found.month == datetime(2027, 1, 1, tzinfo=NOW.tzinfo)
    assert found.rows["decisions"] == 2
    assert ids(engine) == played[2:]
    assert [rows_of(engine, identity) > 0 for identity in played] == [False, False, True, True, True]
    assert run_verify(worker).differing == []
    with engine.connect() as connection:
        assert len(partitions(connection)) == len(before_parts) - len(found.parts)
        newest = newest_snapshot(connection)
    assert newest is not None
    if engine.dialect.name == "postgresql":
        assert found.parts == ("decisions_2026_11", "decisions_2026_12")
    worker.decide(customer_id="c1")
    assert plan(engine, NOW + timedelta(days=65)).rows["decisions"] == 0


def test_snapshots_that_no_kept_decision_names_go_with_their_policies_but_never_the_newest(
    worker: Worker,
) -> None:
    engine = worker.state.engine
    play(worker, 4)

    found = plan(engine, worker.clock())
    carry_out(engine, found)

    with engine.connect() as connection:
        left = list(connection.scalars(select(snapshots.c.snapshot)))
        newest = newest_snapshot(connection)
    assert newest is not None
    assert newest.number in left
    assert set(found.snapshots).isdisjoint(left)
    assert len(found.snapshots) >= 2
    assert found.artifacts
    worker.state.feed.refresh()
    worker.decide(customer_id="c1")
    assert run_verify(worker).differing == []


def test_former_complements_go_and_the_champion_stays(worker: Worker) -> None:
    engine, first = worker.state.engine, bread_and_butter()
    second = replace(first, about={**first.about, "n_baskets": 200})
    publish_champions(engine, {"complements": second.to_artifact()}, NOW)

    found = plan(engine, NOW)
    carry_out(engine, found)

    assert found.artifacts == (first.to_artifact().digest,)
    assert get_artifact(engine, second.to_artifact().digest)
    with pytest.raises(ArtifactError):
        get_artifact(engine, first.to_artifact().digest)


def test_an_open_round_keeps_its_month_and_all_later_ones(worker: Worker) -> None:
    engine = worker.state.engine
    played = play(worker, 3)
    with engine.begin() as connection:
        opened = update(rewards).where(rewards.c.decision_id == played[1])
        connection.execute(opened.values(state="open"))

    found = plan(engine, worker.clock())
    carry_out(engine, found)

    assert found.kept_by == "a round that is open"
    assert ids(engine) == played[1:]


def test_an_outcome_not_learnt_yet_keeps_its_decision(worker: Worker) -> None:
    engine = worker.state.engine
    played = play(worker, 2)
    send(worker, outcome(played[0], "late", "opened", occurred_at=NOW.isoformat()))

    found = plan(engine, worker.clock())

    assert found.kept_by == "an outcome that is not learnt yet"
    assert found.rows["decisions"] == 0


def test_a_dry_run_prints_what_would_go_and_keeps_it(
    worker: Worker, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.clock.advance(days=-600)
    play(worker, 2)
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)

    dry = CliRunner().invoke(app, ["retain", "--older-than", "400d", "--dry-run"])
    kept = len(ids(worker.state.engine))
    real = CliRunner().invoke(app, ["retain", "--older-than", "400d"])
    refused = CliRunner().invoke(app, ["retain", "--older-than", "30d"])

    assert (dry.exit_code, real.exit_code, refused.exit_code) == (0, 0, 2)
    assert "2 decisions would go" in dry.output
    assert (kept, len(ids(worker.state.engine))) == (2, 0)
    assert "30d" in refused.output


def test_ids_before_the_first_part_or_without_a_time_still_have_a_place(engine: Engine) -> None:
    row = {
        "decided_at": 0,
        "effective_at": 0,
        "customer_id": "c",
        "journey": "j",
        "status": "hold",
        "group_name": "decisioning",
        "record": b"{}",
    }
    with engine.begin() as connection:
        connection.execute(
            decisions.insert(), [{"decision_id": each, **row} for each in ("00000000-", "~", "x")]
        )

    assert set(ids(engine)) == {"00000000-", "x", "~"}


def test_rank_events_of_old_months_go_unless_their_reward_is_still_to_be_learnt(engine: Engine) -> None:
    fixed = {
        "loop": "l",
        "fingerprint": "f",
        "request": b"{}",
        "probabilities": "[1]",
        "action": 0,
        "model": 0,
    }
    old, new = microseconds(NOW - timedelta(days=400)), microseconds(NOW)
    rows = [
        {"event_id": "learnt", "ranked_at": old, "activated_at": old, "learnt": 1},
        {"event_id": "waiting", "ranked_at": old, "activated_at": old, "learnt": None},
        {"event_id": "new", "ranked_at": new, "activated_at": new, "learnt": 1},
    ]
    with engine.begin() as connection:
        connection.execute(rank_events.insert(), [{**fixed, "answer": b"{}", **row} for row in rows])

    found = plan(engine, NOW - timedelta(days=100))
    carry_out(engine, found)

    with engine.connect() as connection:
        left = set(connection.scalars(select(rank_events.c.event_id)))
    assert found.rows["rank_events"] == 1
    assert left == {"waiting", "new"}


@pytest.mark.slow
def test_a_long_reader_delays_a_change_of_the_parts_and_not_the_decisions(postgres_socket: str) -> None:
    with new_database(postgres_socket) as url:
        engine = open_log(url)
        with engine.begin() as connection:
            make_partitions(connection, NOW - timedelta(days=200))
        row = {"decided_at": 0, "effective_at": 0, "customer_id": "c", "journey": "j", "status": "hold"}
        old = {**row, "decision_id": first_id(NOW - timedelta(days=200)), "group_name": "g", "record": b"{}"}
        with engine.begin() as connection:
            connection.execute(decisions.insert(), old)
        found = plan(engine, NOW)
        with engine.connect() as reader:
            reader.execute(select(decisions)).all()
            with pytest.raises(OperationalError, match="lock timeout"):
                carry_out(engine, found)
            keep_up(engine, NOW + timedelta(days=365))
            with engine.begin() as writer:
                writer.execute(decisions.insert(), {**old, "decision_id": first_id(NOW)})
        carry_out(engine, plan(engine, NOW))
        keep_up(engine, NOW + timedelta(days=365))
        with engine.connect() as connection:
            left = partitions(connection)
        assert ids(engine) == [first_id(NOW)]
        engine.dispose()

    assert found.parts
    assert set(left).isdisjoint(found.parts)
    assert "decisions_2027_11" in left
