"""Anyone's own files: what is accepted, what is rejected and why, and what becomes of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from training.importing.dataset import DatasetError, DatasetManifest
from training.importing.orders import OrderFormat, OutsideFile, import_orders
from training.importing.rejects import RowCount
from training.importing.source_file import ImportRefusedError

ONE_ORDER = "customer_id,ordered_at,amount\na,2024-01-01,1\n"


def run(
    tmp_path: Path, files: Mapping[str, str], form: OrderFormat | None = None, **mapping: str
) -> tuple[DatasetManifest, dict[str, RowCount]]:
    outside = {}
    for kind, content in files.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text(content, encoding="utf-8")
        outside[kind] = OutsideFile(path=path, mapping=mapping if kind == "orders" else {})
    return import_orders(tmp_path / "var", "shop", outside, form or OrderFormat())


def table(tmp_path: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(tmp_path / "var/data/shop" / f"{name}.parquet").to_pylist()
    return rows


def rejected(tmp_path: Path) -> list[tuple[str, int, str]]:
    with (tmp_path / "var/data/shop/rejects.csv").open(newline="") as file:
        return [(row["table"], int(row["line"]), row["reason"]) for row in csv.DictReader(file)]


def test_every_bad_row_is_counted_and_written_with_its_line_and_reason(tmp_path: Path) -> None:
    content = """order_id,customer_id,ordered_at,amount,discount,quantity
1,a,2024-01-01T10:00:00Z,100,5,2
,a,2024-01-01T10:00:00Z,100,,
2,,2024-01-01T10:00:00Z,100,,
3,a,,100,,
4,a,soon,100,,
5,a,2024-02-30,100,,
6,a,2024-01-01,-1,,
7,a,2024-01-01,nan,,
8,a,2024-01-01,inf,,
9,a,2024-01-01,ten,,
10,a,2024-01-01,,,
11,a,2024-01-01,100,-5,
12,a,2024-01-01,100,,1.5
13,a,2024-01-01,1e300,,
1,b,2024-01-02,200,,
14,a,2024-01-01
"""

    manifest, counts = run(tmp_path, {"orders": content})

    assert rejected(tmp_path) == [
        ("orders", 3, "missing id"),
        ("orders", 4, "missing id"),
        ("orders", 5, "missing time"),
        ("orders", 6, "unreadable time"),
        ("orders", 7, "unreadable time"),
        ("orders", 8, "negative amount"),
        ("orders", 9, "amount is not a number"),
        ("orders", 10, "amount is not a number"),
        ("orders", 11, "amount is not a number"),
        ("orders", 12, "missing amount"),
        ("orders", 13, "negative discount"),
        ("orders", 14, "quantity is not a whole number"),
        ("orders", 15, "amount is too large"),
        ("orders", 16, "duplicate order_id"),
        ("orders", 17, "wrong number of columns"),
    ]
    assert counts["orders"].read == 16
    assert counts["orders"].accepted + counts["orders"].rejected_total == counts["orders"].read
    assert manifest.rejected == {"orders": 15}
    assert [order["order_id"] for order in table(tmp_path, "orders")] == ["1"]


def test_a_rejected_row_does_not_make_a_later_good_one_a_duplicate(tmp_path: Path) -> None:
    content = "order_id,customer_id,ordered_at,amount\n1,a,2024-01-01,-1\n1,a,2024-01-01,5\n"

    run(tmp_path, {"orders": content})

    assert rejected(tmp_path) == [("orders", 2, "negative amount")]
    assert [order["amount"] for order in table(tmp_path, "orders")] == [5]


def test_without_order_ids_a_customers_rows_of_one_time_are_one_order(tmp_path: Path) -> None:
    content = "customer_id,ordered_at,amount\na,19970101,11\na,19970101,11\na,19970102,7\nb,19970101,3\n"

    _, counts = run(tmp_path, {"orders": content})

    assert [(row["order_id"], row["amount"], row["quantity"]) for row in table(tmp_path, "orders")] == [
        ("a@1997-01-01T00:00:00.000000Z", 22, 2),
        ("b@1997-01-01T00:00:00.000000Z", 3, 1),
        ("a@1997-01-02T00:00:00.000000Z", 7, 1),
    ]
    assert counts["orders"].accepted == 4


def test_lines_of_an_order_are_summed_and_kept_when_asked_to(tmp_path: Path) -> None:
    content = """order_id,customer_id,ordered_at,amount,discount,quantity,product_id,category
1,a,2024-01-01T10:00:01,10,1,2,p,tea
1,a,2024-01-01T10:00:00,5,0,1,q,
1,b,2024-01-01T10:00:00,5,0,1,r,tea
"""

    run(tmp_path, {"orders": content}, OrderFormat(order_by_line=True))

    [order] = table(tmp_path, "orders")
    assert (order["customer_id"], order["amount"], order["discount"], order["quantity"]) == ("a", 15, 1, 3)
    assert order["ordered_at"] == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert [(row["product_id"], row["category"]) for row in table(tmp_path, "order_lines")] == [
        ("p", "tea"),
        ("q", None),
    ]
    assert rejected(tmp_path) == [("orders", 4, "line of another customer's order")]


def test_lines_need_an_order_id(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="needed column 'order_id'"):
        run(tmp_path, {"orders": ONE_ORDER}, OrderFormat(order_by_line=True))


def test_a_discount_is_at_least_the_coupons_part_of_it(tmp_path: Path) -> None:
    content = (
        "customer_id,ordered_at,amount,discount,coupon_discount\na,2024-01-01,9,1,4\nb,2024-01-01,9,,2\n"
    )

    run(tmp_path, {"orders": content})

    assert [(row["discount"], row["coupon_discount"]) for row in table(tmp_path, "orders")] == [
        (4, 4),
        (2, 2),
    ]


def test_amounts_are_scaled_and_a_lost_fraction_is_said(tmp_path: Path) -> None:
    content = "customer_id,ordered_at,amount\na,2024-01-01,11.77\n"

    exact, _ = run(tmp_path, {"orders": content}, OrderFormat(currency="USD", amount_scale=100))
    cents = table(tmp_path, "orders")[0]["amount"]
    lossy, _ = run(tmp_path, {"orders": content}, OrderFormat(currency="USD"))
    dollars = table(tmp_path, "orders")[0]["amount"]

    assert (cents, dollars) == (1177, 12)
    assert not any("rounded" in note for note in exact.notes)
    assert any("rows rounded to whole USD: 1" in note for note in lossy.notes)


@pytest.mark.parametrize(
    ("text", "time_format", "expected"),
    [
        ("2024-01-01T10:00:00", None, datetime(2024, 1, 1, 6, 30, tzinfo=UTC)),
        ("2024-01-01 10:00:00.25", None, datetime(2024, 1, 1, 6, 30, 0, 250_000, tzinfo=UTC)),
        ("2024-01-01T10:00:00+00:00", None, datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("2024-01-01T10:00:00Z", None, datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("20240101", None, datetime(2023, 12, 31, 20, 30, tzinfo=UTC)),
        ("01/02/2024 10:00", "%d/%m/%Y %H:%M", datetime(2024, 2, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_times_without_an_offset_are_of_the_given_zone(
    tmp_path: Path, text: str, time_format: str | None, expected: datetime
) -> None:
    content = f"customer_id,ordered_at,amount\na,{text},1\n"

    run(tmp_path, {"orders": content}, OrderFormat(time_zone="Asia/Tehran", time_format=time_format))

    assert table(tmp_path, "orders")[0]["ordered_at"] == expected


def test_columns_are_found_by_mapping(tmp_path: Path) -> None:
    content = "Kunde;Datum;Summe\na;2024-01-01;5\n"

    run(
        tmp_path,
        {"orders": content},
        OrderFormat(separator="semicolon"),
        customer_id="Kunde",
        ordered_at="Datum",
        amount="Summe",
    )

    assert table(tmp_path, "orders")[0]["customer_id"] == "a"


def test_customers_come_of_all_files_and_joined_no_later_than_their_first_order(tmp_path: Path) -> None:
    customers = """customer_id,joined_at,time_zone,age_years,consent_sms
a,2025-01-01,Asia/Tehran,30,yes
b,2023-01-01,,,no
c,,,,
b,2022-01-01,,,
d,2023-01-01,Mars/Base,,
e,2023-01-01,,old,
f,2023-01-01,,,perhaps
,2023-01-01,,,
"""

    manifest, counts = run(tmp_path, {"orders": ONE_ORDER + "g,2024-01-05,3\n", "customers": customers})

    assert [
        (
            row["customer_id"],
            row["joined_at"].date().isoformat(),
            row["time_zone"],
            row["age_years"],
            row["consent_sms"],
        )
        for row in table(tmp_path, "customers")
    ] == [
        ("a", "2024-01-01", "Asia/Tehran", 30.0, True),
        ("b", "2023-01-01", "", None, False),
        ("g", "2024-01-05", "", None, False),
    ]
    assert rejected(tmp_path) == [
        ("customers", 4, "no joined_at and no order or event"),
        ("customers", 5, "duplicate customer_id"),
        ("customers", 6, "unknown time zone"),
        ("customers", 7, "age_years is not a number"),
        ("customers", 8, "consent_sms is not a yes or no"),
        ("customers", 9, "missing id"),
    ]
    assert counts["customers"].accepted + counts["customers"].rejected_total == counts["customers"].read == 8
    assert any("customers that the customers file lacks: 1" in note for note in manifest.notes)


def test_events_need_a_known_name_and_properties_that_are_an_object(tmp_path: Path) -> None:
    events = """customer_id,event,occurred_at,properties
a,message_sent,2024-01-02T10:00:00Z,"{""channel"": ""sms""}"
a,cart_viewed,2024-01-02T11:00:00Z,
a,danced,2024-01-02T11:00:00Z,{}
a,cart_viewed,2024-01-02T11:00:00Z,[1]
a,cart_viewed,2024-01-02T11:00:00Z,{
a,cart_viewed,never,{}
,cart_viewed,2024-01-02T11:00:00Z,{}
"""

    _, counts = run(tmp_path, {"orders": ONE_ORDER, "events": events})

    assert [(row["event"], row["properties"]) for row in table(tmp_path, "events")] == [
        ("message_sent", '{"channel": "sms"}'),
        ("cart_viewed", "{}"),
    ]
    assert rejected(tmp_path) == [
        ("events", 4, "unknown event"),
        ("events", 5, "properties are not a JSON object"),
        ("events", 6, "properties are not a JSON object"),
        ("events", 7, "unreadable time"),
        ("events", 8, "missing id"),
    ]
    assert counts["events"].accepted + counts["events"].rejected_total == counts["events"].read == 7


def test_two_imports_of_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    content = "customer_id,ordered_at,amount\n" + "".join(
        f"{n % 7},2024-01-{n % 28 + 1:02d},{n}\n" for n in range(500)
    )
    for name in ("first", "second"):
        (tmp_path / name).mkdir()

    first, _ = run(tmp_path / "first", {"orders": content})
    second, _ = run(tmp_path / "second", {"orders": content})

    assert first == second
    files = sorted((tmp_path / "first/var/data/shop").iterdir())
    assert len(files) == 9
    assert all(
        file.read_bytes() == (tmp_path / "second/var/data/shop" / file.name).read_bytes() for file in files
    )


def test_a_file_with_no_good_row_is_refused_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="unreadable time: 1"):
        run(tmp_path, {"orders": "customer_id,ordered_at,amount\na,soon,1\n"})


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (OrderFormat(time_zone="Mars/Base"), "time zone 'Mars/Base'"),
        (OrderFormat(amount_scale=0), "amount scale 0"),
        (OrderFormat(amount_scale=float("nan")), "amount scale nan"),
        (OrderFormat(currency="toman"), "currency 'toman'"),
        (OrderFormat(time_format="%Q"), "time format cannot be used"),
    ],
)
def test_a_format_that_cannot_be_is_refused(tmp_path: Path, form: OrderFormat, message: str) -> None:
    with pytest.raises(ImportRefusedError, match=message):
        run(tmp_path, {"orders": ONE_ORDER}, form)
