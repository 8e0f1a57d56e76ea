"""The event log as a data set, from the database and from its export: the same rows, and nothing lost in silence."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from features.told import ToldEvent, ToldTrait
from service.events.told import Told
from service.store.engine import open_log
from service.store.event_export import export_events
from service.store.event_log import record_events
from training.cli import app
from training.evaluation.errors import LogError
from training.importing.dataset import (
    DatasetDescription,
    DatasetError,
    DatasetManifest,
    table_schema,
    write_dataset,
)
from training.importing.event_log import LogImport, import_log
from training.importing.told_source import ToldPart, parts_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=2)


def track(
    name: str, message_id: str, *, customer: str | None = "a", hours: float = 0, **properties: Any
) -> Told:
    return Told(
        message_id=message_id,
        customer_id=customer,
        anonymous_id=None if customer else "visitor",
        type="track",
        name=name,
        occurred_at=NOON + timedelta(hours=hours),
        content={"properties": properties},
    )


def bought(order_id: str, amount: int, **more: Any) -> Told:
    properties = {"order_id": order_id, "amount": amount, "currency": "IRT", **more.pop("properties", {})}
    return track("purchased", more.pop("message_id", order_id), **more, **properties)


def said(message_id: str, customer: str = "a", anonymous_id: str | None = None, **traits: Any) -> Told:
    return Told(
        message_id=message_id,
        customer_id=customer,
        anonymous_id=anonymous_id,
        type="identify",
        name=None,
        occurred_at=NOON,
        content={"traits": traits},
    )


@dataclass
class Shop:
    """A log and the folder of what is made of it."""

    url: str
    engine: Engine
    var: Path

    def tell(self, *told: Told, received_at: datetime = NOON) -> None:
        record_events(self.engine, told, [], received_at=received_at)

    def export(self, until: datetime = NOW) -> str:
        with self.engine.connect() as connection:
            days = export_events(connection, self.var / "export", since=None, until=until.date(), now=until)
            assert list(days)
        return f"parquet:{self.var / 'export'}"

    def make(self, log: str = "", now: datetime = NOW, **more: Any) -> DatasetManifest:
        wanted = LogImport(log=log or self.url, name=more.pop("name", "log"), **more)
        return import_log(self.var, wanted, now)[0]

    def rows(self, table: str, name: str = "log") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(self.var / "data" / name / f"{table}.parquet").to_pylist()
        return found

    def rejects(self, name: str = "log") -> list[dict[str, str]]:
        with (self.var / "data" / name / "rejects.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def shop(log_url: str, tmp_path: Path) -> Iterator[Shop]:
    engine = open_log(log_url)
    yield Shop(log_url, engine, tmp_path)
    engine.dispose()


def test_the_database_and_its_export_give_the_same_data_set(shop: Shop) -> None:
    shop.tell(
        bought("o1", 900, properties={"products": [{"product_id": "tea", "amount": 900}, {"sku": "x"}]}),
        bought("o2", 500, customer="ü 1", hours=-30),
        track("product_viewed", "v1", customer=None, product_id="tea"),
        track("message_clicked", "c1", customer="B", channel="sms", topic="winter"),
        track("wheel_spun", "w1", customer="a", won=True, journey="lucky_wheel"),
        track("product_viewed", "v2", customer=None, product_id="cup"),
        said("i1", "a", "visitor", consent_sms=True, age_years=40, city="Shiraz"),
    )
    shop.tell(bought("o1", 700, message_id="o1 again"), received_at=NOON + timedelta(hours=1))

    by_database = shop.make(name="database")
    by_export = shop.make(shop.export(), name="export")

    assert by_database.fingerprint == by_export.fingerprint
    assert by_database.notes == by_export.notes == ("messages that no feature is made of: 1 (wheel_spun: 1)",)
    assert by_database.received_until == (NOW - timedelta(minutes=1)).isoformat() == by_database.ends_at
    assert by_export.received_until == (NOON + timedelta(hours=36)).isoformat()
    assert [(row["customer_id"], row["amount"]) for row in shop.rows("orders", "export")] == [
        ("ü 1", 500),
        ("a", 700),
    ]
    assert [row["customer_id"] for row in shop.rows("events", "export")] == ["B", "a", "a"]
    customers = {row["customer_id"]: row for row in shop.rows("customers", "export")}
    assert list(customers) == ["B", "a", "ü 1"]
    assert (customers["a"]["consent_sms"], customers["a"]["age_years"], customers["a"]["consent_email"]) == (
        *(True, 40.0),
        False,
    )
    assert customers["ü 1"]["joined_at"] == NOON - timedelta(hours=30)


def test_lines_come_of_the_products_and_what_cannot_be_used_is_told_with_its_reason(shop: Shop) -> None:
    products = [{"product_id": "tea", "quantity": 2, "amount": 900}, {"sku": "x"}, {"sku": "y"}]
    shop.tell(
        bought("o1", 900, properties={"products": products}),
        bought("o2", 900, properties={"currency": "USD"}),
        bought("o3", -5, hours=1),
        track("product_viewed", "v1", customer=None),
        said("i1", time_zone="Tehran"),
    )

    manifest, counts = import_log(shop.var, LogImport(log=shop.url, name="log"), NOW)

    assert [(row["order_id"], row["product_id"], row["quantity"]) for row in shop.rows("order_lines")] == [
        ("o1", "tea", 2)
    ]
    assert (counts["messages"].read, counts["messages"].accepted) == (4, 2)
    assert manifest.rejected == {"messages": 2, "products": 2, "traits": 1}
    assert counts["messages"].rejected == {
        "purchased amount: wanted a whole number from 0 to 1000000000000000": 1,
        "purchased currency: wanted IRT": 1,
    }
    assert counts["products"].rejected == {"product_id: wanted a text": 2}
    told = {(reject["table"], reject["reason"]): reject["text"] for reject in shop.rejects()}
    assert "USD" in told["messages", "purchased currency: wanted IRT"]
    assert (
        'a,time_zone,"""Tehran"""' in told["traits", "time_zone: wanted an IANA name such as 'Asia/Tehran'"]
    )
    assert "messages of somebody who is not known yet, left out: 1" in manifest.notes


def test_what_may_still_be_on_its_way_into_the_log_is_left_to_the_next_import(shop: Shop) -> None:
    shop.tell(bought("o1", 900), received_at=NOW - timedelta(seconds=61))
    shop.tell(bought("o2", 900), received_at=NOW - timedelta(seconds=59))

    manifest = shop.make()

    assert [row["order_id"] for row in shop.rows("orders")] == ["o1"]
    assert manifest.received_until == (NOW - timedelta(minutes=1)).isoformat()


def write_base(shop: Shop, **more: Any) -> None:
    """A data set of two customers with an order each."""
    import pyarrow as pa

    rows = {
        "customers": [
            {
                "customer_id": who,
                "joined_at": NOON - timedelta(days=400),
                "consent_sms": True,
                "age_years": 30.0,
            }
            for who in ("a", "old")
        ],
        "orders": [
            {"order_id": order, "customer_id": who, "ordered_at": NOON - timedelta(days=300), "amount": 100}
            for order, who in (("o1", "a"), ("o0", "old"))
        ],
        "order_lines": [{"order_id": order, "product_id": "old tea"} for order in ("o1", "o0")],
    }
    tables = {name: pa.Table.from_pylist(each, schema=table_schema(name)) for name, each in rows.items()}
    given: dict[str, Any] = {
        "name": "old",
        "source": "a file",
        "currency": "IRT",
        "amount_scale": 10.0,
        **more,
    }
    write_dataset(shop.var / "data" / "old", DatasetDescription(**given), tables)


def test_history_imported_elsewhere_is_added_to_and_what_the_log_knows_better_wins(shop: Shop) -> None:
    write_base(shop, simulated=("customers.consent_sms",), notes=("a note",))
    shop.tell(
        bought("o1", 900, properties={"products": [{"product_id": "tea"}]}),
        said("i1", consent_sms=None, consent_email=True),
        track("product_viewed", "v1", customer="new"),
    )

    manifest = shop.make(base="old")

    assert {row["order_id"]: row["amount"] for row in shop.rows("orders")} == {"o0": 100, "o1": 900}
    lines = {row["order_id"]: row["product_id"] for row in shop.rows("order_lines")}
    assert lines == {"o0": "old tea", "o1": "tea"}
    customers = {row["customer_id"]: row for row in shop.rows("customers")}
    told = ("joined_at", "consent_sms", "consent_email", "age_years")
    assert {who: tuple(row[name] for name in told) for who, row in customers.items()} == {
        "a": (NOON - timedelta(days=400), False, True, 30.0),
        "new": (NOON, False, False, None),
        "old": (NOON - timedelta(days=400), True, False, 30.0),
    }
    assert manifest.source.startswith("a file, then event log at ")
    assert (manifest.amount_scale, manifest.simulated) == (10.0, ("customers.consent_sms",))
    assert manifest.notes[0] == "a note"


@pytest.mark.parametrize(
    ("base", "change", "fault"),
    [
        ("log", {}, "would be overwritten"),
        ("old", {"received_until": NOON}, "made of an event log itself"),
        ("old", {"currency": "EUR"}, "is in EUR, the log is to be read in IRT"),
        ("none", {}, "no data set in"),
    ],
)
def test_a_base_that_cannot_be_added_to_is_refused(
    tmp_path: Path, base: str, change: dict[str, Any], fault: str
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    shop = Shop(url, open_log(url), tmp_path)
    write_base(shop, **change)

    with pytest.raises(DatasetError, match=fault):
        shop.make(base=base)


def test_an_export_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    shop = Shop(url, open_log(url), tmp_path)
    for number in range(4):
        at = NOON + timedelta(days=number)
        shop.tell(bought(f"o{number}", 900), received_at=at)
    whole, end = tmp_path / "export" / "event_days", NOON + timedelta(days=4)
    first, second, third, _ = (str((NOON + timedelta(days=number)).date()) for number in range(4))

    def refusal() -> str:
        with pytest.raises(LogError) as refused:
            shop.make(f"parquet:{tmp_path / 'export'}")
        return str(refused.value)

    assert "no exported event log in" in refusal()
    shop.export(end)
    noted = json.loads((whole / f"{first}.json").read_text())
    (whole / f"{first}.json").write_text(json.dumps({**noted, "until": NOON.isoformat()}))
    assert f"{first} was not over when it was exported" in refusal()
    (whole / f"{first}.json").write_text(json.dumps({**noted, "rows": 7}))
    assert "holds 1 rows; its day's note says 7" in refusal()
    (whole / f"{first}.json").write_text(json.dumps(noted))
    (whole / f"{second}.json").unlink()
    assert f"holds {first} and {third} and no day between" in refusal()


def test_the_command_tells_what_became_of_the_log_and_refuses_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GARDOON_DATABASE_URL", raising=False)
    asked = ["import", "log", "--name", "shop", "--var", str(tmp_path)]

    refused = CliRunner().invoke(app, asked)
    url = f"sqlite:///{tmp_path / 'log.db'}"
    Shop(url, open_log(url), tmp_path).tell(bought("o1", 900), received_at=datetime(2020, 1, 1, tzinfo=UTC))
    done = CliRunner().invoke(app, asked)

    assert refused.exit_code == 2
    assert "refused: no decision log at sqlite:///" in refused.stderr
    assert done.exit_code == 0, done.output
    assert "1 customers, 1 orders" in done.output


@dataclass
class MadeUp:
    """A source of two events of each of a few customers, and of traits."""

    name: str = "made up"
    until: datetime = NOW
    customers: Sequence[str] = field(default_factory=lambda: ["a", "b", "c", "d", "e"])

    def events(self) -> Iterator[ToldEvent]:
        for number in range(2 * len(self.customers)):
            yield ToldEvent(
                message_id=str(number),
                customer_id=self.customers[number // 2],
                type="page",
                name=None,
                occurred_at=NOON,
                received_at=NOON,
                properties={},
            )

    def traits(self) -> Iterator[ToldTrait]:
        for who in ("b", "x"):
            yield ToldTrait(customer_id=who, name="city", value="Shiraz", told_at=NOON)

    def count_nobodys(self) -> int:
        return 0


def test_a_part_holds_whole_customers_and_no_more_than_it_must() -> None:
    def whose(part: ToldPart) -> tuple[str, str]:
        return "".join(e.customer_id for e in part.events), "".join(t.customer_id for t in part.traits)

    assert [whose(part) for part in parts_of(MadeUp(), 3)] == [
        ("aabb", "b"),
        ("ccdd", ""),
        ("ee", "x"),
        ("", ""),
    ]
