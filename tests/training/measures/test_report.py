"""The report of a data set: what is in it, what is cut off, and what is said where there is nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from training.cli import app
from training.importing.dataset import DatasetDescription, DatasetError, table_schema, write_dataset
from training.measures.report import NO_LOG, TITLES, Question, Report, make_report
from training.measures.shop_facts import read_shop_facts
from training.measures.writing import write_report

START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def table(name: str, rows: list[dict]) -> pa.Table:
    """A canonical table; what a row does not say is null."""
    schema = table_schema(name)
    return pa.table({column: [row.get(column) for row in rows] for column in schema.names}, schema=schema)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three customers: a looks and buys, b only looks, c joins late; the last order is on day 80."""
    customers = [
        {"customer_id": "a", "joined_at": at(0), "time_zone": "Asia/Tehran"},
        {"customer_id": "b", "joined_at": at(1), "time_zone": ""},
        {"customer_id": "c", "joined_at": at(70)},
    ]
    bought = [("a", 2), ("a", 40), ("c", 80)]
    orders = [
        {"order_id": f"o{day}", "customer_id": who, "ordered_at": at(day), "amount": 1_000 * day}
        for who, day in bought
    ]
    message = {"channel": "sms", "topic": "cart"}
    told = [
        ("a", "product_viewed", 1.5, {}),
        ("b", "product_viewed", 3, {}),
        ("a", "added_to_cart", 1.6, {}),
        ("a", "message_sent", 20, message),
        ("a", "message_clicked", 21, message),
    ]
    events = [
        {"customer_id": who, "event": event, "occurred_at": at(day), "properties": json.dumps(properties)}
        for who, event, day, properties in told
    ]
    write_dataset(
        tmp_path / "data" / "shop",
        DatasetDescription(name="shop", source="made up", currency="IRT", amount_scale=1),
        {
            name: table(name, rows)
            for name, rows in (("customers", customers), ("orders", orders), ("events", events))
        },
    )
    return tmp_path / "data" / "shop"


def report_of(folder: Path, **changed: object) -> Report:
    asked = {"since": None, "until": None, "time_zone": "Asia/Tehran", "interval_days": (30,)}
    asked |= {"message_cost": 0.0, "acquisition_cost": None}
    return make_report(folder, None, Question(**{**asked, **changed}), NOW)


def test_everything_that_the_data_set_tells_is_measured(folder: Path) -> None:
    found = report_of(folder)

    tables = found.tables
    assert (found.begins.isoformat(), found.ends.isoformat(), found.simulated) == (
        "2026-03-02",
        "2026-05-21",
        (),
    )
    assert set(tables) == set(TITLES)
    assert tables["funnel"].column("customers") == [2, 1, 0, 0, 0, 0]
    assert tables["lifetime_steps"].column("active") == [3, 1, 1, 0, 0, 0]
    assert tables["aov"].column("aov")[0] == pytest.approx((2_000 + 40_000 + 80_000) / 3)
    assert tables["clv"].column("realised")[0] == pytest.approx(122_000 / 3)
    assert tables["response_topic"].rows[0][:3] == ("events", "cart", 1)
    assert tables["response_hour"].column("by") == [3]  # midnight UTC is 03:30 in Tehran
    assert all(
        tables[name].notes == (NO_LOG,) for name in ("economics", "message_tests", "budget", "budget_hours")
    )


def test_until_cuts_off_as_if_it_were_now_and_since_leaves_later_joiners(folder: Path) -> None:
    early, late = report_of(folder, until=at(30)), report_of(folder, since=at(60))

    assert early.ends.isoformat() == "2026-04-01"
    assert early.tables["clv"].column("customers")[0] == 2
    assert early.tables["aov"].column("orders")[0] == 1
    assert late.tables["clv"].column("customers")[0] == 1
    assert late.tables["aov"].column("orders")[0] == 1
    assert not late.tables["funnel"].rows
    assert "product_viewed" in late.tables["funnel"].note


def test_a_period_before_everything_is_a_report_of_empty_tables_that_say_so(folder: Path) -> None:
    found = report_of(folder, until=at(-10))

    for name in ("funnel", "aov", "retention_interval", "response_channel", "retention_days", "clv"):
        assert not found.tables[name].rows, name
        assert found.tables[name].note, name


def test_since_may_be_later_than_the_data_set(folder: Path) -> None:
    found = report_of(folder, since=at(200))

    assert found.begins.isoformat() == "2026-09-18"
    assert not any(found.tables[name].rows for name in TITLES)


def test_a_report_is_written_whole(folder: Path, tmp_path: Path) -> None:
    found = report_of(folder)

    written = write_report(found, tmp_path / "out")

    told = json.loads(written[0].read_text(encoding="utf-8"))
    assert told["made_at"] == "2026-11-22T00:00:00+00:00"
    assert told["tables"]["funnel"]["rows"][0] == [
        "product_viewed",
        2,
        *(1.0, pytest.approx(0.342, abs=1e-3), 1.0),
        *(1.0, pytest.approx(0.342, abs=1e-3), 1.0),
        None,
    ]
    assert "<script" not in written[1].read_text(encoding="utf-8")
    assert (
        (written[2] / "aov.csv")
        .read_text(encoding="utf-8")
        .startswith("month,customers,orders,aov,low,high\n")
    )


def test_orders_of_nobody_who_is_known_are_refused(folder: Path) -> None:
    told = {
        "customers": table("customers", [{"customer_id": "a", "joined_at": at(0)}]),
        "orders": table("orders", [{"order_id": "o", "customer_id": "x", "ordered_at": at(1), "amount": 1}]),
    }
    about = DatasetDescription(name="shop", source="made up", currency="IRT", amount_scale=1)
    write_dataset(folder, about, told)

    with pytest.raises(DatasetError, match="1 orders or events are of customers"):
        read_shop_facts(folder, "Asia/Tehran")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dataset", "nothing"], "no data set in"),
        (["--acquisition", "500000"], "wanted SPENT:ORDERS"),
        (["--acquisition", "5:0"], "wanted SPENT of 0 or more"),
        (["--time-zone", "Asia/Nowhere"], "is not an IANA name"),
        (["--database-url", "sqlite:////nowhere/log.db"], "the service has not run here"),
        (["--since", "yesterday"], "is not an ISO 8601 time"),
        (["--since", "2026-05-01", "--until", "2026-04-01"], "wanted --since before --until"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(folder: Path, options: list[str], said: str) -> None:
    result = CliRunner().invoke(
        app, ["report", "--dataset", "shop", *options, "--var", str(folder.parents[1])]
    )

    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())
