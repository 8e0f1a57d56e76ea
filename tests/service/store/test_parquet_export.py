"""The log as Parquet: everything in it, a file a day, bounded memory, going on where it stopped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from service.cli import app
from service.store import parquet_export
from service.store.decision_log import read_record
from service.store.parquet_export import Day, export_days, read_day
from service.store.tables import decisions, rewards
from tests.running import ROOT
from tests.service.conftest import NOW, Worker
from tests.service.test_outcomes import outcome, send

WINDOW = timedelta(days=3)


def play(worker: Worker, days: int) -> list[str]:
    """The ids of decisions on that many days, two a day, the first of each clicked."""
    identities = []
    for day in range(days):
        for number in range(2):
            journey = ("lucky_wheel", "cart_abandonment")[number]
            answer = worker.decide(customer_id="c1", journey=journey)
            identities.append(str(answer["decision_id"]))
            worker.clock.advance(minutes=1)
        at = worker.clock().isoformat()
        send(worker, outcome(identities[-2], f"click-{day}", occurred_at=at))
        worker.clock.advance(days=1)
    worker.learn()
    return identities


def export(worker: Worker, folder: Path, days: int) -> list[Day]:
    until = NOW.date() + timedelta(days=days)
    with worker.state.engine.connect() as connection:
        return list(export_days(connection, folder, since=None, until=until, closes_after=WINDOW))


def test_every_decision_comes_out_with_its_rounds_rewards_and_outcomes(
    worker: Worker, tmp_path: Path
) -> None:
    identities = play(worker, 3)

    export(worker, tmp_path, 3)

    rows = ds.dataset(tmp_path / "decisions", partitioning="hive").to_table().to_pylist()
    assert [row["decision_id"] for row in rows] == identities
    for row in rows:
        record = read_record(worker.state.engine, row["decision_id"])
        assert (row["decided_at"], row["group"], row["status"]) == (
            record.decided_at,
            record.group,
            record.status,
        )
        np.testing.assert_array_equal(row["features"], record.feature_values())
        assert dict(row["versions"]) == record.versions
        assert [r["propensity"] for r in row["rounds"]] == [r.propensity for r in record.rounds]
        assert [tuple(r["probabilities"]) for r in row["rounds"]] == [r.probabilities for r in record.rounds]
        assert [tuple(r["context"]) for r in row["rounds"]] == [r.context for r in record.rounds]
    outcomes = ds.dataset(tmp_path / "outcomes").to_table().to_pylist()
    rewards = ds.dataset(tmp_path / "rewards").to_table().to_pylist()
    assert sorted(row["event_id"] for row in outcomes) == ["click-0", "click-1", "click-2"]
    assert {row["decision_id"] for row in rewards} <= set(identities)
    assert rewards


def test_a_closed_day_is_written_once_and_an_open_one_anew(worker: Worker, tmp_path: Path) -> None:
    play(worker, 5)

    first = export(worker, tmp_path, 5)
    again = export(worker, tmp_path, 5)

    assert [day.closed for day in first] == [True, True, False, False, False]
    assert [day.day for day in again] == [day.day for day in first[2:]]
    assert first[0].rows["decisions"] == 2


def test_a_run_that_was_cut_off_leaves_no_half_file_and_goes_on(worker: Worker, tmp_path: Path) -> None:
    play(worker, 6)
    until = NOW.date() + timedelta(days=6)
    with worker.state.engine.connect() as connection:
        days = export_days(connection, tmp_path, since=None, until=until, closes_after=WINDOW)
        next(days)
        days.close()

    cut_off = read_day(tmp_path, NOW.date()), read_day(tmp_path, NOW.date() + timedelta(days=1))
    rest = export(worker, tmp_path, 6)

    assert cut_off[0] is not None
    assert cut_off[1] is None
    assert [day.day for day in rest] == [str(NOW.date() + timedelta(days=n)) for n in range(1, 6)]
    assert not list(tmp_path.rglob("*.part"))


def test_rows_are_held_a_group_at_a_time(worker: Worker, tmp_path: Path) -> None:
    engine, size = worker.state.engine, parquet_export.ROW_GROUP
    (identity,) = play(worker, 1)[:1]
    with engine.begin() as connection:
        row = (
            connection.execute(select(decisions).where(decisions.c.decision_id == identity)).mappings().one()
        )
        copies = [{**row, "decision_id": f"{identity[:-4]}{n:04x}"} for n in range(2 * size)]
        connection.execute(insert(decisions), [copy for copy in copies if copy["decision_id"] != identity])

    export(worker, tmp_path, 1)

    (file,) = (tmp_path / "decisions").rglob("*.parquet")
    groups = pq.ParquetFile(file).metadata
    assert groups.num_rows > 2 * size
    assert max(groups.row_group(n).num_rows for n in range(groups.num_row_groups)) == size


def test_the_command_tells_each_day(
    worker: Worker, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    play(worker, 2)
    until = str(NOW.date() + timedelta(days=2))

    told = CliRunner().invoke(app, ["export-log", "--out", str(tmp_path / "out"), "--until", until])

    assert told.exit_code == 0, told.output
    assert f"{NOW.date()}: 2 decisions" in told.output
    assert "2 days written" in told.output


def test_the_query_of_the_documentation_reads_what_was_exported(worker: Worker, tmp_path: Path) -> None:
    play(worker, 6)
    export(worker, tmp_path, 6)
    document = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    query = document.split("```sql\n")[1].split("```")[0].replace("exports/log", str(tmp_path))

    rows = duckdb.sql(query).fetchall()

    with worker.state.engine.connect() as connection:
        resolved = select(rewards.c.reward).where(rewards.c.state == "resolved")
        wanted = sorted(connection.scalars(resolved))
    assert wanted
    assert sorted(row[-1] for row in rows) == wanted
