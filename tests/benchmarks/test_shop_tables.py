"""The shop that feature builds are measured on."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.features.settings import AS_OF
from benchmarks.features.shop_tables import write_shop
from features.offline import build_snapshots
from features.schema import load_schema


def test_every_view_has_a_row_for_every_customer_and_something_in_it(tmp_path: Path) -> None:
    dataset = write_shop(tmp_path / "shop", 40)

    rows = build_snapshots(dataset, [AS_OF], tmp_path / "out")

    assert rows == {view.name: 40 for view in load_schema().views}
    clicked = pq.read_table(tmp_path / "out" / "topics.parquet")["clicked_by_topic_90d"].to_pylist()
    bought = pq.read_table(tmp_path / "out" / "rfm.parquet")["orders_365d"].to_pylist()
    assert sum(map(sum, clicked)) > 0
    assert sum(bought) == 400
