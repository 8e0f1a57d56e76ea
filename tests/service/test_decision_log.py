"""Group commit: what was appended is on disk, one flush serves many, and a failed flush fails every append in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DataError

from service.errors import LogUnavailableError, UnstorableError
from service.observability import Metrics
from service.record import DecisionRecord
from service.standing import Claims, SpendClaim, Standing
from service.store.decision_commit import DECISION, Entry, commit, commit_within, decision_row
from service.store.decision_log import DecisionLog
from service.store.driver import insert_all
from service.store.engine import open_log
from service.store.key_log import KeyClaim, KeyTakenError
from service.store.ledger import StandingMovedError
from service.store.tables import budgets, coupons, decisions, idempotency_keys, standings
from tests.service.conftest import Worker


@pytest.fixture
def record(worker: Worker) -> DecisionRecord:
    identity = worker.decide(customer_id="c1")["decision_id"]
    with worker.state.engine.connect() as connection:
        content = connection.scalar(select(decisions.c.record).where(decisions.c.decision_id == identity))
    return DecisionRecord.of_stored(content)


def copies(record: DecisionRecord, number: int) -> list[DecisionRecord]:
    return [replace(record, decision_id=f"copy-{i}") for i in range(number)]


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(decisions)) or 0)


async def append_all(log: DecisionLog, records: list[DecisionRecord]) -> list[BaseException | None]:
    log.start()
    results = await asyncio.gather(*(log.append(r) for r in records), return_exceptions=True)
    await log.stop()
    return results


def test_many_appends_share_a_few_flushes_and_all_are_on_disk(record: DecisionRecord, tmp_path: Path) -> None:
    url, metrics = f"sqlite:///{tmp_path / 'other.db'}", Metrics()
    log = DecisionLog(open_log(url), seconds=metrics.flush_seconds)

    results = asyncio.run(append_all(log, copies(record, 500)))

    assert results == [None] * 500
    assert count(open_log(url)) == 500
    flushes = metrics.registry.get_sample_value("gardoon_log_flush_seconds_count")
    assert flushes is not None
    assert flushes <= 5


def test_a_failed_flush_fails_every_append_in_it(record: DecisionRecord, engine: Engine) -> None:
    log = DecisionLog(engine, seconds=Metrics().flush_seconds)
    twice = [record, record]  # the same id twice, and once in the log already

    results = asyncio.run(append_all(log, twice))

    assert all(isinstance(result, LogUnavailableError) for result in results)
    assert count(engine) == 1


def test_a_decision_that_cannot_be_stored_fails_alone(record: DecisionRecord, engine: Engine) -> None:
    """Its claim counts further than the database can, SQLite's driver and PostgreSQL each refusing in its own words."""
    log = DecisionLog(engine, seconds=Metrics().flush_seconds)
    records = copies(record, 20)
    claims = Claims(customer_id="c2", journey="lucky_wheel", standing_version=2**70)
    records[7] = replace(records[7], claims=claims)

    results = asyncio.run(append_all(log, records))

    assert [place for place, result in enumerate(results) if result is not None] == [7]
    assert isinstance(results[7], UnstorableError)
    assert count(engine) == 20


def test_a_caller_who_gave_up_takes_back_what_waits_and_not_what_is_being_written(
    record: DecisionRecord, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, go_on, begun = DecisionLog(engine, seconds=Metrics().flush_seconds), threading.Event(), []
    commit = log._do

    def slow(batch: Sequence[Any]) -> Sequence[Exception | None]:
        begun.append(len(batch))
        go_on.wait(timeout=20)
        return commit(batch)

    monkeypatch.setattr(log, "_do", slow)
    first, second, third = copies(record, 3)

    async def scenario() -> None:
        log.start()
        writing = asyncio.create_task(log.append(first))
        while not begun:
            await asyncio.sleep(0.001)
        waiting, staying = asyncio.create_task(log.append(second)), asyncio.create_task(log.append(third))
        await asyncio.sleep(0)
        writing.cancel()
        waiting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await staying
        await log.stop()

    asyncio.run(asyncio.wait_for(scenario(), timeout=20))

    with engine.connect() as connection:
        logged = set(connection.scalars(select(decisions.c.decision_id)))
    assert logged == {record.decision_id, first.decision_id, third.decision_id}


def test_of_those_that_a_budget_does_not_hold_together_the_first_by_id_fit(
    record: DecisionRecord, engine: Engine
) -> None:
    day = record.decided_at.date()
    spent = {
        "currency": "IRT",
        "day": day,
        "amount": 10_000,
        "limit": 50_000,
        "expires_at": record.decided_at,
    }
    records = [
        replace(
            each,
            claims=Claims(
                customer_id=f"c-{number}",
                journey="churn_prevention",
                standing_version=0,
                spend=SpendClaim(code=f"code-{number}", activate_by=None, **spent),
            ),
        )
        for number, each in enumerate(copies(record, 30))
    ]

    failures = commit(engine, [Entry.of(each) for each in records])

    taken = [each.decision_id for each, why in zip(records, failures, strict=True) if why is None]
    assert taken == sorted(each.decision_id for each in records)[:5]
    assert {type(why) for why in failures} == {type(None), StandingMovedError}
    with engine.connect() as connection:
        assert connection.scalar(select(budgets.c.used)) == 50_000
        assert connection.scalar(select(func.count()).select_from(coupons)) == 5


def test_after_the_stop_nothing_is_accepted(record: DecisionRecord, engine: Engine) -> None:
    log = DecisionLog(engine, seconds=Metrics().flush_seconds)

    asyncio.run(append_all(log, []))

    with pytest.raises(LogUnavailableError):
        asyncio.run(log.append(record))


def test_the_record_survives_the_log_unchanged(record: DecisionRecord) -> None:
    row = decision_row(record)

    assert DecisionRecord.of_stored(row["record"]) == record


def test_rows_are_inserted_together_as_they_are_one_by_one(record: DecisionRecord, engine: Engine) -> None:
    rows = [decision_row(each) for each in copies(record, 3)]
    rows[1] |= {"repeats": "d0", "record": bytes(range(256))}

    with engine.begin() as connection:
        insert_all(connection, {DECISION: rows})

    with engine.connect() as connection:
        query = select(decisions).where(decisions.c.decision_id.in_([row["decision_id"] for row in rows]))
        found = connection.execute(query.order_by(decisions.c.decision_id)).mappings().all()
    assert [dict(row) for row in found] == sorted(rows, key=lambda row: row["decision_id"])


def test_a_value_that_is_too_long_is_refused_and_not_cut(record: DecisionRecord, engine: Engine) -> None:
    row = decision_row(copies(record, 1)[0]) | {"status": "s" * 17}
    refused = pytest.raises(DataError) if engine.dialect.name == "postgresql" else nullcontext()

    with refused, engine.begin() as connection:  # SQLite has no length to check
        insert_all(connection, {DECISION: [row]})


def claiming(
    record: DecisionRecord, *, spent: int = 10_000, key: str | None = None, seen: int = 0
) -> tuple[DecisionRecord, KeyClaim | None]:
    """The record with a claim of its own customer's standing, a coupon and a key."""
    identity, at = record.decision_id, record.decided_at
    coupon = SpendClaim(
        code=f"code-{identity}",
        currency="IRT",
        day=at.date(),
        amount=spent,
        limit=50_000,
        expires_at=at,
        activate_by=None,
    )
    claims = Claims(
        customer_id=f"customer of {identity}", journey="lucky_wheel", standing_version=seen, spend=coupon
    )
    kept = (
        KeyClaim(scope="anyone", key=key, fingerprint="f", claimed_at=at, kept=timedelta(hours=1))
        if key
        else None
    )
    return replace(record, claims=claims), kept


def entries_of(*told: tuple[DecisionRecord, KeyClaim | None]) -> list[Entry]:
    return [Entry.of(*each) for each in told]


def changed(engine: Engine) -> tuple[int, ...]:
    """How many rows there are of all that a commit writes."""
    tables = (decisions, coupons, budgets, standings, idempotency_keys)
    with engine.connect() as connection:
        return tuple(int(connection.scalar(select(func.count()).select_from(t)) or 0) for t in tables)


@pytest.fixture
def stepwise(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What there was each time that a commit was made step by step."""
    found: list[tuple[int, ...]] = []

    def step_by_step(engine: Engine, *given: Any) -> list[Exception | None]:
        found.append(changed(engine))
        return commit_within(engine, *given)

    monkeypatch.setattr("service.store.decision_commit.commit_within", step_by_step)
    return found


def test_what_nothing_keeps_out_goes_by_one_statement_where_answers_take_time(
    record: DecisionRecord, engine: Engine, stepwise: list[tuple[int, ...]]
) -> None:
    first, second, third, fourth, fifth = copies(record, 5)
    known = record.request.model_copy(update={"customer_id": f"customer of {first.decision_id}"})
    relying = replace(record, decision_id="relying", request=known, claims=None, standing=Standing(version=1))
    before = changed(engine)

    done = [
        commit(engine, entries_of(claiming(first, key="a"), claiming(second, key="b"), claiming(third))),
        commit(engine, entries_of((relying, None))),
        commit(engine, entries_of(*((replace(each, claims=None), None) for each in (fourth, fifth)))),
    ]

    assert done == [[None] * 3, [None], [None] * 2]
    assert [after - was for was, after in zip(before, changed(engine), strict=True)] == [6, 3, 1, 3, 2]
    assert len(stepwise) == (0 if engine.dialect.name == "postgresql" else 3)


@pytest.mark.parametrize("obstacle", ["key", "standing", "forgotten", "relying", "budget", "twice"])
def test_what_keeps_one_out_keeps_no_other(
    record: DecisionRecord, engine: Engine, stepwise: list[tuple[int, ...]], obstacle: str
) -> None:
    good, bad, earlier = copies(record, 3)
    against: dict[str, tuple[DecisionRecord, KeyClaim | None]] = {
        "key": claiming(bad, key="taken"),
        "standing": (replace(claiming(bad)[0], claims=claiming(earlier)[0].claims), None),
        "forgotten": claiming(bad, seen=3),
        "relying": (
            replace(
                bad,
                claims=None,
                request=bad.request.model_copy(update={"customer_id": "gone"}),
                standing=Standing(version=2),
            ),
            None,
        ),
        "budget": claiming(bad, spent=45_000),
        "twice": (replace(claiming(bad)[0], claims=claiming(good)[0].claims), None),
    }
    assert commit(engine, entries_of(claiming(earlier, key="taken"))) == [None]
    before = changed(engine)

    done = commit(engine, entries_of(claiming(good), against[obstacle]))

    failure = KeyTakenError if obstacle == "key" else StandingMovedError
    assert done[0] is None
    assert isinstance(done[1], failure)
    assert stepwise[-1] == before
    moved = 2 if obstacle == "budget" else 1  # whose coupon does not fit is decided about again anyway
    assert [after - was for was, after in zip(before, changed(engine), strict=True)] == [1, 1, 0, moved, 0]
