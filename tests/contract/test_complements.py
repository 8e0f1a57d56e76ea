"""Complements from a data set through the real MLflow and the log to a worker's answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from features.schema import load_schema
from service.complements.answering import compose_answer
from service.complements.feed import ComplementsFeed
from service.complements.schema import ComplementsRequest
from service.store.engine import open_log
from tests.training.complements.conftest import baskets_of, drawn
from training.complements.baskets import Baskets
from training.importing.dataset import DatasetDescription, dataset_folder, table_schema, write_dataset

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shop whose products come in pairs, and one whose products meet by chance."""
    made = tmp_path_factory.mktemp("var")
    write_shop(made, "pairs", baskets_of(drawn(0, lambda _, product: product ^ 1)))
    write_shop(made, "chance", baskets_of(drawn(1, lambda rng, _: int(rng.integers(60)))))
    return made


def write_shop(var: Path, name: str, baskets: Baskets) -> None:
    lines = zip(baskets.lines_of.tolist(), baskets.products.tolist(), strict=True)
    sold = [
        {
            "order_id": f"o{n}",
            "product_id": baskets.product_ids[code],
            "quantity": 1,
            "amount": 1,
            "discount": 0,
        }
        for n, code in lines
    ]
    facts = {"amount": 1, "discount": 0, "coupon_discount": 0, "quantity": 1}
    orders = [
        {
            "order_id": f"o{n}",
            "customer_id": f"c{who}",
            "ordered_at": datetime.fromtimestamp(at, UTC),
            **facts,
        }
        for n, (who, at) in enumerate(
            zip(baskets.customers.tolist(), baskets.ordered_s.tolist(), strict=True)
        )
    ]
    about = DatasetDescription(name=name, source="made up", currency="IRT", amount_scale=1)
    tables = {
        "orders": pa.Table.from_pylist(orders, table_schema("orders")),
        "order_lines": pa.Table.from_pylist(sold, table_schema("order_lines")),
    }
    write_dataset(dataset_folder(var, name), about, tables)


def test_a_champion_is_registered_followed_and_answers_and_no_worse_one_takes_its_place(var: Path) -> None:
    from service.registry import ChampionRegistry, sync_champions
    from training.complements.publish import fit_complements, publish_complements
    from training.places import Places

    places = Places(var=var)
    pairs, chance = (fit_complements(places, name, ()) for name in ("pairs", "chance"))
    placings = [publish_complements(places, each) for each in (pairs, pairs, chance)]
    registry = ChampionRegistry(tracking_uri=places.registry_uri)
    engine = open_log(places.log_url)
    moved = sync_champions(engine, registry, load_schema(), {}, datetime.now(UTC))
    feed = ComplementsFeed(engine=engine, poll_seconds=1)
    feed.refresh()
    answer = compose_answer(feed.current, ComplementsRequest(cart=("p04",), limit=1), (), 28)
    engine.dispose()

    assert [str(each) for each in placings] == [
        "version 1 is champion",
        "unchanged",
        "version 2 is challenger",
    ]
    assert moved == ["complements"]
    assert [each.product_id for each in answer.products] == ["p05"]
    assert feed.current.complements.about["dataset"] == "pairs"
    assert feed.current.complements.about["judged"]["complements"]["value"] > 0.7
