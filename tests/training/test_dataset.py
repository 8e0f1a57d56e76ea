"""Labels of customers at as-of dates: half-open windows, only customers who had ordered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.dataset import FeatureRows, Orders, customers_before, outcomes, read_orders
from training.importing.dataset import table_schema

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


def _orders(folder: Path, *rows: tuple[str, datetime, int]) -> Orders:
    columns = {
        "order_id": [str(place) for place in range(len(rows))],
        "customer_id": [customer for customer, _, _ in rows],
        "ordered_at": [at for _, at, _ in rows],
        "amount": [amount for _, _, amount in rows],
        **dict.fromkeys(("discount", "coupon_discount", "quantity"), [0] * len(rows)),
    }
    pq.write_table(pa.table(columns, schema=table_schema("orders")), folder / "orders.parquet")
    return read_orders(folder)


def test_the_window_holds_the_as_of_moment_and_not_its_end(tmp_path: Path) -> None:
    moments = [AS_OF - timedelta(microseconds=1), AS_OF, AS_OF + timedelta(days=7, microseconds=-1)]
    moments.append(AS_OF + timedelta(days=7))

    orders = _orders(tmp_path, *((f"c{place}", at, 10 + place) for place, at in enumerate(moments)))
    count, spend = outcomes(orders, AS_OF, 7)

    assert count.tolist() == [0, 1, 1, 0]
    assert spend.tolist() == [0, 11, 12, 0]


def test_only_customers_with_an_order_strictly_before_are_asked_about(tmp_path: Path) -> None:
    orders = _orders(
        tmp_path, ("b", AS_OF, 1), ("a", AS_OF - timedelta(days=9), 1), ("c", AS_OF - timedelta(days=1), 1)
    )

    known = customers_before(orders, AS_OF)

    assert orders.customer_ids[known].tolist() == ["a", "c"]


def test_rows_are_labelled_by_their_own_date(tmp_path: Path) -> None:
    earlier = AS_OF - timedelta(days=14)
    orders = _orders(
        tmp_path,
        ("a", AS_OF - timedelta(days=30), 5),
        ("a", AS_OF - timedelta(days=10), 6),
        ("b", AS_OF - timedelta(days=20), 7),
        ("b", AS_OF + timedelta(days=2), 8),
    )
    times = np.array(["2024-02-16", "2024-02-16", "2024-03-01", "2024-03-01"], dtype="datetime64[us]")
    rows = FeatureRows(
        column_names=("x",), customers=np.array([0, 1, 0, 1]), as_ofs=times, vectors=np.arange(4.0)[:, None]
    )

    both = rows.labelled(orders, [AS_OF, earlier], 7)
    one = rows.labelled(orders, [AS_OF], 7)

    assert both.ordered.tolist() == [True, False, False, True]
    assert both.spend.tolist() == [6, 0, 0, 8]
    assert one.column("x").tolist() == [2, 3]
    assert one.customer_ids.tolist() == ["a", "b"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_features_come_from_feast_row_for_row_however_they_are_batched(
    tmp_path: Path, shop_tables: dict[str, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.dataset as module
    from features.offline import build_snapshots
    from features.schema import load_schema
    from training.feature_store import apply, open_store
    from training.importing.dataset import DatasetDescription, write_dataset

    about = DatasetDescription(name="shop", source="made up", currency="IRT", amount_scale=1)
    write_dataset(tmp_path / "shop", about, shop_tables)
    as_ofs = [datetime(2024, 4, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)]
    build_snapshots(tmp_path / "shop", as_ofs, tmp_path / "snapshots")
    apply(tmp_path / "feast", tmp_path / "snapshots")
    store, orders = open_store(tmp_path / "feast"), read_orders(tmp_path / "shop")
    wanted = {"schema": load_schema(), "column_names": ("recency_days", "orders_28d")}

    whole = module.read_features(store, orders, as_ofs, **wanted)
    monkeypatch.setattr(module, "BATCH_ROWS", 1)
    parts = module.read_features(store, orders, as_ofs, **wanted)

    snapshot = (
        pq.read_table(tmp_path / "snapshots" / "rfm.parquet").to_pandas().dropna(subset=["recency_days"])
    )
    assert np.array_equal(whole.vectors, parts.vectors)
    assert whole.vectors[:, 0].tolist() == snapshot["recency_days"].tolist()
    assert orders.customer_ids[whole.customers].tolist() == snapshot["customer_id"].tolist()
