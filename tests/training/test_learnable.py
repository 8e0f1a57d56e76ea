"""Simulated data never reach a scorer: changing them changes no column it may learn from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.offline import build_snapshots
from features.schema import CHANNELS, load_schema
from features.tables import TABLES
from training.importing.dataset import DatasetDescription, table_schema, write_dataset
from training.learnable import FEATURE_SOURCES, NOT_LEARNT, learnable_columns, sources_of

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
REACH = (
    *(f"customers.{fact}_{channel}" for fact in ("consent", "reachable") for channel in CHANNELS),
    "customers.sms_blacklisted",
)
SIMULATED = ("events", "customers.time_zone", *REACH)


def _snapshot(folder: Path, tables: dict[str, pa.Table]) -> dict[str, pa.ChunkedArray]:
    about = DatasetDescription(name="shop", source="made up", currency="IRT", amount_scale=1)
    write_dataset(folder / "shop", about, tables)
    build_snapshots(folder / "shop", [AS_OF], folder / "snapshots")
    views = [pq.read_table(folder / "snapshots" / f"{view.name}.parquet") for view in load_schema().views]
    return {name: view[name] for view in views for name in view.column_names}


def _with_other_simulated_data(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    customers = tables["customers"]
    n_customers = customers.num_rows
    for label in SIMULATED[1:]:
        name = label.removeprefix("customers.")
        values = ["America/New_York"] * n_customers if name == "time_zone" else [True] * n_customers
        place = customers.column_names.index(name)
        customers = customers.set_column(place, customers.schema.field(name), pa.array(values))
    said = [
        ("c001", event, datetime(2024, 5, day, 7, tzinfo=UTC), '{"channel": "email"}')
        for day in (3, 20, 30)
        for event in ("product_viewed", "added_to_cart", "purchased", "message_sent", "message_clicked")
    ]
    columns = dict(zip(TABLES["events"], zip(*said, strict=True), strict=True))
    return {**tables, "customers": customers, "events": pa.table(columns, schema=table_schema("events"))}


def test_other_simulated_data_change_no_learnable_column(
    tmp_path: Path, shop_tables: dict[str, pa.Table]
) -> None:
    schema = load_schema()
    learnable = set(learnable_columns(schema, SIMULATED))
    before = _snapshot(tmp_path / "before", shop_tables)
    after = _snapshot(tmp_path / "after", _with_other_simulated_data(shop_tables))

    changed = {f.name for f in schema.features if not before[f.name].equals(after[f.name])}
    forbidden = {f.name for f in schema.features if not set(f.columns) & learnable}

    assert {"product_views_7d", "sent_email_28d", "activity_by_hour", "consent_sms"} <= changed
    assert changed <= forbidden
    assert {"recency_days", "orders_28d", "tenure_days", "coupons_won_28d"} <= learnable


@pytest.mark.parametrize("label", ["orders", "orders.amount"])
def test_a_table_and_its_columns_taint_each_other(label: str) -> None:
    columns = learnable_columns(load_schema(), [label])

    assert "recency_days" not in columns
    assert "weeks_with_order_84d" not in columns
    assert "tenure_days" in columns


def test_what_is_not_to_be_learnt_from_never_is() -> None:
    columns = learnable_columns(load_schema(), [])

    assert not set(NOT_LEARNT) & set(columns)


def test_every_feature_names_sources_that_exist() -> None:
    features = {feature.name: feature for feature in load_schema().features}
    known = set(TABLES) | {f"{table}.{column}" for table, columns in TABLES.items() for column in columns}

    assert set(FEATURE_SOURCES) | set(NOT_LEARNT) <= set(features)
    assert all(set(sources_of(feature)) <= known for feature in features.values())
