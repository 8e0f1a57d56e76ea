"""The event log as Parquet: every message once, by the day it came, also after somebody was identified or forgotten."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, select

from service.store.event_export import EventDay, export_events, read_event_day
from service.store.export_erasure import forget_exported, read_exported
from service.store.export_place import open_place
from service.store.tables import events
from tests.service.conftest import NOW, Worker
from tests.service.events.test_event_routes import identify, send, track
from tests.service.store.test_erasure import put_online, run

DAY = timedelta(days=1)


def export(worker: Worker, folder: Path) -> list[EventDay]:
    """What was written of the days that are over."""
    now = worker.clock()
    with worker.state.engine.connect() as connection:
        return list(export_events(connection, folder, since=None, until=now.date(), now=now))


def exported(folder: Path, table: str = "events") -> dict[str, dict[str, Any]]:
    """The rows by their first column."""
    rows = [
        row
        for path in sorted((folder / table).rglob("*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    return {str(next(iter(row.values()))): row for row in rows}


@pytest.fixture
def told(worker: Worker) -> Worker:
    """Two days of messages: a visitor's, who is identified on the second; another customer's."""
    send(worker, track("m1", userId=None, anonymousId="v1"), track("m2", properties={"n": "ü"}))
    send(worker, track("m3", userId=None, anonymousId="v2"))
    worker.clock.now += DAY
    send(worker, track("m4", userId="c2", timestamp="2026-01-01T00:00:00Z"))
    worker.clock.now += DAY
    return worker


def test_every_message_comes_out_as_it_is_in_the_log(told: Worker, tmp_path: Path) -> None:
    send(told, identify("m5", userId="c1", traits={"city": "Shiraz"}, anonymousId="v2"))
    told.clock.now += DAY

    days = export(told, tmp_path)

    assert [(day.day, day.rows, day.nobodys) for day in days] == [
        (str(NOW.date()), 3, 1),
        (str((NOW + DAY).date()), 1, 0),
        (str((NOW + 2 * DAY).date()), 1, 0),
    ]
    rows = exported(tmp_path)
    with told.state.engine.connect() as connection:
        logged = {row["message_id"]: row for row in connection.execute(select(events)).mappings()}
    assert rows.keys() == logged.keys()
    for name, row in rows.items():
        assert json.loads(row["content"]) == json.loads(logged[name]["content"])
        for column in ("customer_id", "anonymous_id", "type", "name"):
            assert row[column] == logged[name][column]
        for column in ("occurred_at", "received_at"):
            assert int(row[column].timestamp()) * 1_000_000 == logged[name][column]
    assert exported(tmp_path, "traits")["c1"]["value"] == '"Shiraz"'
    assert exported(tmp_path, "identities")["v2"]["customer_id"] == "c1"
    assert not list(tmp_path.rglob("*.part"))


def test_a_day_that_is_over_is_written_again_only_when_somebody_in_it_was_identified(
    told: Worker, tmp_path: Path
) -> None:
    export(told, tmp_path)

    again = export(told, tmp_path)
    send(told, identify("m5", userId="c1", anonymousId="v1"))
    after = export(told, tmp_path)
    once_more = export(told, tmp_path)

    assert again == once_more == []
    assert [(day.day, day.nobodys) for day in after] == [(str(NOW.date()), 1)]
    assert exported(tmp_path)["m1"]["customer_id"] == "c1"


def test_a_day_whose_rows_the_log_let_go_of_stays_as_it_was_written(told: Worker, tmp_path: Path) -> None:
    export(told, tmp_path)
    with told.state.engine.begin() as connection:
        connection.execute(delete(events).where(events.c.message_id == "m1"))

    again = export(told, tmp_path)

    assert again == []
    assert "m1" in exported(tmp_path)


def test_a_run_that_was_cut_off_goes_on_with_the_next_day(told: Worker, tmp_path: Path) -> None:
    now = told.clock()
    with told.state.engine.connect() as connection:
        begun = export_events(connection, tmp_path, since=None, until=now.date(), now=now)
        next(begun)
        begun.close()

    rest = export(told, tmp_path)

    assert [day.day for day in rest] == [str((NOW + DAY).date())]
    assert exported(tmp_path).keys() == {"m1", "m2", "m3", "m4"}


def test_of_a_day_that_is_not_over_what_is_surely_committed_is_written_and_the_rest_later(
    worker: Worker, tmp_path: Path
) -> None:
    send(worker, track("m1"))
    worker.clock.advance(seconds=59)
    send(worker, track("m2"))
    tomorrow = NOW.date() + DAY

    def upto(seconds: float) -> list[int]:
        with worker.state.engine.connect() as connection:
            now = NOW + timedelta(seconds=seconds)
            return [e.rows for e in export_events(connection, tmp_path, since=None, until=tomorrow, now=now)]

    assert [upto(60), upto(61), upto(150), upto(86400), upto(2 * 86400)] == [[0], [1], [2], [2], []]


def test_forgetting_takes_all_that_was_told_out_of_the_files_and_their_notes(
    told: Worker, tmp_path: Path
) -> None:
    send(told, identify("m5", userId="c1", traits={"city": "Shiraz"}, anonymousId="v2"))
    told.clock.now += DAY
    export(told, tmp_path)
    held = [path.relative_to(tmp_path).parts[0] for path, _ in read_exported(tmp_path, "c1", ["v1"])]

    done = forget_exported(tmp_path, "c1", "erased", ["v1"])

    assert held == ["events"] * 4 + ["traits", "identities"]
    assert done.rows == {"events": 4, "traits": 1, "identities": 1}
    assert exported(tmp_path).keys() == {"m4"}
    assert exported(tmp_path, "traits") == exported(tmp_path, "identities") == {}
    first = read_event_day(tmp_path, NOW.date())
    assert first is not None
    assert (first.rows, first.nobodys) == (0, 0)
    assert list(read_exported(tmp_path, "c1", ["v1"])) == []
    assert forget_exported(tmp_path, "c1", "erased", ["v1"]).files == 0
    assert export(told, tmp_path) == []


def test_an_export_in_object_storage_holds_the_same_files_and_goes_on_where_it_stopped(
    told: Worker, tmp_path: Path
) -> None:
    """Through pyarrow's own file systems, of which a disk is one as S3 is."""
    now, remote = told.clock(), tmp_path / "remote"
    export(told, tmp_path / "here")

    def export_there() -> list[int]:
        with told.state.engine.connect() as connection, open_place(f"file://{remote}") as place:
            found = export_events(connection, place.folder, since=None, until=now.date(), now=now)
            rows = []
            for day in found:
                place.publish()
                rows.append(day.rows)
            place.publish()
            assert not list(place.folder.rglob("*.parquet"))
            return rows

    remote.mkdir()
    first, again = export_there(), export_there()
    with told.state.engine.begin() as connection:
        connection.execute(delete(events).where(events.c.message_id == "m4"))
    note = remote / "event_days" / f"{(NOW + DAY).date()}.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "until": (NOW + DAY).isoformat()}))
    renewed = export_there()

    assert (first, again, renewed) == ([3, 1], [], [0])
    assert exported(remote).keys() == {"m1", "m2", "m3"}
    assert json.loads(note.read_text())["rows"] == 0
    assert (remote / "event_days").is_dir()
    kept = f"events/day={NOW.date()}/part.parquet"
    assert (remote / kept).read_bytes() == (tmp_path / "here" / kept).read_bytes()


def test_forgetting_reaches_an_export_in_object_storage_and_leaves_the_rest_as_it_was(
    told: Worker, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path / "var"))
    put_online(told)
    send(told, identify("m5", userId="c1", traits={"city": "Shiraz"}, anonymousId="v2"))
    told.clock.now += DAY
    remote = tmp_path / "remote"
    export(told, remote)
    kept = {path: path.stat().st_mtime_ns for path in remote.rglob(f"*{(NOW + DAY).date()}*/part.parquet")}

    said = run("forget", "c1", "--yes", "--exports", f"file://{remote}")

    assert f"exports file://{remote}: 3 events, 1 traits, 1 identities in 4 files" in said.splitlines()
    assert exported(remote).keys() == {"m1", "m4"}
    assert exported(remote, "traits") == exported(remote, "identities") == {}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(kept) == 1
    assert export(told, remote) == []
