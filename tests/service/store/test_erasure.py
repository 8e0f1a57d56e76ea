"""One customer's data: all of it comes out on request, none of it is left after forgetting, and the statistics stay."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from sqlalchemy import Engine, select, text
from typer.testing import CliRunner

from features.online import online_table
from features.wire import entity_key
from models.packing import unpack
from service.access.audit import Act, read_acts
from service.cli import app
from service.record import DecisionRecord
from service.store.tables import decisions, metadata, outcomes, rewards
from tests.service.conftest import Worker, stored_customer
from tests.service.test_outcomes import outcome, send
from tests.service.test_verify import run_verify

NEEDLE = "needle-4711@example.com"
FACT = "Elm Street 13"


@pytest.fixture
def played(worker: Worker, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker whose log holds all kinds of rows about the customer, and some about another; commands find its log."""
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    worker.reader.customers[NEEDLE] = stored_customer(NEEDLE, recency_days=3.0, time_zone="Europe/Berlin")
    for number, customer in enumerate((NEEDLE, "c1", NEEDLE, "c1")):
        body: dict[str, Any] = {
            "customer_id": customer,
            "journey": ("lucky_wheel", "cart_abandonment")[number // 2],
            "excluded": {"coupon": ["none"]} if number < 2 else {},
            "context": {"street": FACT if customer == NEEDLE else "none"},
            "trigger": {"name": "opened", "key": f"cart-{customer}"},
        }
        headers = {"Idempotency-Key": f"{customer}-{number}"}
        answer = worker.client.post("/v1/decide", json=body, headers=headers).json()
        at = worker.clock().isoformat()
        kinds = ("delivered", "clicked")
        facts = [outcome(answer["decision_id"], f"{customer}-{k}-{number}", k, occurred_at=at) for k in kinds]
        assert send(worker, *facts) == [202, 202]
        worker.clock.advance(hours=1)
    worker.clock.advance(days=3)
    worker.learn()
    return worker


def everything(engine: Engine) -> bytes:
    """The bytes of the database, SQLite's files as they are on disk, PostgreSQL's rows as a dump has them; and what the
    records say that are packed in them.
    """
    records = b"".join(map(unpack, stored_records(engine)))
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        return b"".join([*(path.read_bytes() for path in file.parent.glob(f"{file.name}*")), records])
    found = [records]
    with engine.connect() as connection:
        for name in metadata.tables:
            for (row,) in connection.execute(text(f"SELECT row_to_json(t)::text FROM {name} t")):
                found.append(str(row).encode())
                found += [bytes.fromhex(part[3:]) for part in str(row).split('"') if part[:3] == "\\\\x"]
    return b"\n".join(found)


def stored_records(engine: Engine, customer_id: str | None = None) -> list[bytes]:
    """The records as they are stored, of one customer or all."""
    query = select(decisions.c.record)
    if customer_id is not None:
        query = query.where(decisions.c.customer_id == customer_id)
    with engine.connect() as connection:
        return list(connection.scalars(query))


def part(packed: bytes) -> bytes:
    """What tells a packed record wherever it lies: its end, which no page of a file cuts in two."""
    return packed[-64:]


def judged(engine: Engine) -> list[tuple[object, ...]]:
    """What an evaluation reads of the log: rounds, rewards, outcomes."""
    with engine.connect() as connection:
        query = select(decisions.c.decision_id, decisions.c.record).order_by(decisions.c.decision_id)
        rows = connection.execute(query).all()
        rounds = [(row.decision_id, DecisionRecord.of_stored(row.record).rounds) for row in rows]
        facts = select(outcomes.c.decision_id, outcomes.c.kind, outcomes.c.value, outcomes.c.occurred_at)
        known = sorted(map(tuple, connection.execute(facts).all()))
        noted = sorted(map(tuple, connection.execute(select(rewards)).all()))
    return [*rounds, *known, *noted]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def put_online(played: Worker) -> None:
    """An online store in Feast's format that knows one feature of the customer."""
    path = played.state.settings.online_path
    path.parent.mkdir(parents=True)
    value = b"\x29" + struct.pack("<d", 3.0)  # a double in Feast's value message
    with closing(sqlite3.connect(path)) as store, store:
        for view in played.state.schema.views:
            columns = "entity_key BLOB, feature_name TEXT, value BLOB, event_ts INTEGER"
            store.execute(f"CREATE TABLE {online_table(view.name)} ({columns})")
        row = (entity_key(NEEDLE), "recency_days", value, 1_790_000_000)
        store.execute(f"INSERT INTO {online_table('rfm')} VALUES (?, ?, ?, ?)", row)


def test_an_export_holds_every_row_of_the_customer_and_of_nobody_else(played: Worker) -> None:
    put_online(played)

    lines = [json.loads(line) for line in run("export", NEEDLE).splitlines()]

    tables = {line["table"] for line in lines if "table" in line}
    assert {"decisions", "outcomes", "rewards", "messages", "coupons", "idempotency_keys"} <= tables
    assert sum(line.get("table") == "decisions" for line in lines) == 2
    assert [line["features"]["values"] for line in lines if "features" in line] == [{"recency_days": 3.0}]
    assert FACT in json.dumps(lines)
    assert "c1" not in {line["row"].get("customer_id") for line in lines if "row" in line}


def test_after_forgetting_no_byte_of_the_customer_is_left_in_the_log(played: Worker) -> None:
    engine = played.state.engine
    before, packed = everything(engine), stored_records(engine, NEEDLE)

    told = run("forget", NEEDLE, "--yes")

    after = everything(engine)
    assert before.count(NEEDLE.encode()) > 10
    assert packed
    assert all(part(each) in before and part(each) not in after for each in packed)
    assert (after.count(NEEDLE.encode()), after.count(FACT.encode())) == (0, 0)
    assert NEEDLE not in told
    assert b"c1" in after


def test_after_forgetting_the_statistics_are_what_they_were_and_verify_counts_it_apart(
    played: Worker,
) -> None:
    engine = played.state.engine
    before, verified_before = judged(engine), run_verify(played)

    run("forget", NEEDLE, "--yes")
    verified = run_verify(played)

    assert judged(engine) == before
    assert (verified_before.reenacted, verified_before.erased) == (4, 0)
    assert (verified.reenacted, verified.erased, verified.differing) == (2, 2, [])
    played.learn()
    send(played, *[outcome(before[0][0], "later", "opened", occurred_at=played.clock().isoformat())])
    played.learn()


def test_a_strangers_retry_finds_its_answer_whatever_words_are_in_its_key(
    worker: Worker, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    worker.reader.customers["17"] = stored_customer("17")

    def ask(customer: str) -> dict[str, Any]:
        body = {"customer_id": customer, "journey": "cart_abandonment"}
        headers = {"Idempotency-Key": f"visit-17-of-{customer}"}
        answer: dict[str, Any] = worker.client.post("/v1/decide", json=body, headers=headers).json()
        return answer

    forgotten, stranger = ask("17"), ask("c1")
    assert CliRunner().invoke(app, ["forget", "17", "--yes"]).exit_code == 0

    assert ask("c1")["decision_id"] == stranger["decision_id"]
    assert ask("17")["decision_id"] != forgotten["decision_id"]


def test_rows_of_a_forgotten_customer_still_belong_together(played: Worker) -> None:
    run("forget", NEEDLE, "--yes")

    with played.state.engine.connect() as connection:
        names = list(connection.scalars(select(decisions.c.customer_id)))

    assert sorted(map(names.count, set(names))) == [2, 2]
    assert any(name.startswith("erased-") for name in names)


def test_who_was_forgotten_is_on_record_without_the_name(played: Worker) -> None:
    run("forget", NEEDLE, "--yes")

    with played.state.engine.connect() as connection:
        (entry,) = read_acts(connection, limit=1)
    again = CliRunner().invoke(app, ["forget", NEEDLE, "--yes"])

    assert entry.act == Act.CUSTOMER_ERASED
    assert NEEDLE not in entry.subject
    assert again.exit_code == 2


def test_every_table_that_could_name_a_customer_is_one_that_forgetting_knows() -> None:
    named = {table.name for table in metadata.tables.values() if "customer_id" in table.c}

    known = {"decisions", "messages", "draws", "coupons", "standings"}
    assert named == known | {"events", "events_aside", "identities", "traits", "stale_features"}, (
        "teach forget_customer the new one"
    )


def rank_about(played: Worker) -> None:
    """Rankings whose event or features name the customer, and one that only looks alike."""
    features = [
        ({"user": {"id": NEEDLE}}, "r1"),
        ({"tone": "warm"}, f"visit-{NEEDLE}"),
        ({"tone": f"not {NEEDLE}"}, "r3"),
    ]
    for context, event_id in features:
        body = {"contextFeatures": [context], "actions": [{"id": "a"}, {"id": "b"}], "eventId": event_id}
        assert played.client.post("/personalizer/v1.0/rank", json=body).status_code == 201


def exported(played: Worker, folder: Path) -> Path:
    until = (played.clock().date() + timedelta(days=1)).isoformat()
    run("export-log", "--out", str(folder), "--until", until)
    return folder


def columns(folder: Path, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ds.dataset(folder / table, partitioning="hive").to_table().to_pylist()
    return rows


def test_forgetting_reaches_the_online_store_rankings_and_exports_and_tells_of_each(
    played: Worker, tmp_path: Path
) -> None:
    put_online(played)
    rank_about(played)
    folder = exported(played, tmp_path / "exports")
    before = {table: columns(folder, table) for table in ("decisions", "outcomes", "rewards")}

    told = run("forget", NEEDLE, "--yes", "--exports", str(folder))

    places = dict(line.split(": ", 1) for line in told.splitlines())
    assert "2 rank_events" in places["log"]
    assert places["online store"].startswith("1 values deleted from ")
    assert places[f"exports {folder}"] == "2 decisions, 4 outcomes in 2 files"
    assert "backups" in places["remains"]
    assert NEEDLE not in told
    assert NEEDLE.encode() not in played.state.settings.online_path.read_bytes()
    kept = {table: columns(folder, table) for table in before}
    assert NEEDLE not in str(kept)
    assert {row["customer_id"] for row in kept["decisions"]} == {"c1", places["log"].split()[0]}
    for table, blank in (
        ("decisions", ("customer_id", "time_zone", "features")),
        ("outcomes", ("event_id",)),
    ):
        for old, new in zip(before[table], kept[table], strict=True):
            assert {n: v for n, v in old.items() if n not in blank} == {
                n: v for n, v in new.items() if n not in blank
            }
    assert kept["rewards"] == before["rewards"]
    assert not list(folder.rglob("*.part"))


def test_an_export_shows_every_place_that_forgetting_reaches(played: Worker, tmp_path: Path) -> None:
    put_online(played)
    rank_about(played)
    folder = exported(played, tmp_path / "exports")

    lines = [json.loads(line) for line in run("export", NEEDLE, "--exports", str(folder)).splitlines()]

    assert sum(line.get("table") == "rank_events" for line in lines) == 2
    assert sum("features" in line for line in lines) == 1
    files = {Path(line["exported"]).parents[1].name for line in lines if "exported" in line}
    assert files == {"decisions", "rewards", "outcomes"}
    run("forget", NEEDLE, "--yes", "--exports", str(folder))
    assert run("export", NEEDLE, "--exports", str(folder)) == ""


def test_what_only_another_place_holds_is_forgotten_there(played: Worker, tmp_path: Path) -> None:
    folder = exported(played, tmp_path / "exports")
    run("forget", NEEDLE, "--yes")

    run("forget", NEEDLE, "--yes", "--exports", str(folder))
    refused = CliRunner().invoke(app, ["forget", NEEDLE, "--yes", "--exports", str(folder)])
    wrong = CliRunner().invoke(app, ["forget", NEEDLE, "--yes", "--exports", str(tmp_path)])

    assert NEEDLE not in str(columns(folder, "decisions"))
    assert refused.exit_code == 2
    assert "holds nothing" in refused.output
    assert wrong.exit_code == 2
    assert f"nothing was done: {tmp_path}: no folder of `export-log`" in wrong.output


def test_nobody_is_forgotten_while_an_export_cannot_be_searched(played: Worker, tmp_path: Path) -> None:
    """For the log knows the anonymous ids by which it is searched."""
    before = everything(played.state.engine).count(NEEDLE.encode())

    refused = CliRunner().invoke(app, ["forget", NEEDLE, "--yes", "--exports", f"file://{tmp_path / 'none'}"])

    assert refused.exit_code == 2
    assert "nothing was done: file://" in refused.output
    assert everything(played.state.engine).count(NEEDLE.encode()) == before


def test_a_place_that_cannot_be_looked_at_is_named_after_what_the_others_hold(
    played: Worker, tmp_path: Path
) -> None:
    no_store = CliRunner().invoke(app, ["export", NEEDLE])
    put_online(played)
    (tmp_path / "empty").mkdir()
    wrong = CliRunner().invoke(app, ["export", NEEDLE, "--exports", f"file://{tmp_path / 'empty'}"])

    assert (no_store.exit_code, no_store.stdout, wrong.exit_code) == (2, "", 2)
    assert "not all of it: " in no_store.stderr
    assert "is not a readable online store" in no_store.stderr
    assert wrong.stdout.count(NEEDLE) > 5
    assert f"not all of it: file://{tmp_path / 'empty'}: no folder of `export-log`" in wrong.stderr
