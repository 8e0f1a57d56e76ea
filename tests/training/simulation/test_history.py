"""Simulated messages: well-formed, at the world's rates, and silent about later orders."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.schema import CHANNELS, load_schema
from features.tables import MESSAGE_EVENTS
from training.importing.dataset import DatasetDescription, table_schema, write_dataset
from training.simulation.formation import SimulationError, form_world, formation_end
from training.simulation.history import CIRCUMSTANCE, FIRST_HOUR, LAST_HOUR, draw_history, write_history
from training.simulation.shop import Shop, shop_of
from training.simulation.world import JOURNEYS

ENDS_AT = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=200)


@pytest.fixture(scope="module")
def events(shop: Shop) -> pa.Table:
    return draw_history(shop, ends_at=ENDS_AT, seed=0)


def _channels(events: pa.Table) -> list[str]:
    return [json.loads(each)["channel"] for each in events["properties"].to_pylist()]


def _of(events: pa.Table, name: str) -> pa.Table:
    return events.filter(pc.equal(events["event"], name))


def test_events_have_the_canonical_columns_and_say_that_they_are_simulated(events: pa.Table) -> None:
    properties = [json.loads(each) for each in events["properties"].to_pylist()]

    assert events.schema == table_schema("events")
    assert set(events["event"].to_pylist()) < set(MESSAGE_EVENTS)
    assert all(each["simulated"] is True and each["channel"] in CHANNELS for each in properties)


def test_each_journeys_topic_is_in_about_as_many_messages(events: pa.Table) -> None:
    """Each within 4 standard deviations: errs in fewer than 4 of 10,000 worlds."""
    sent = [json.loads(each)["topic"] for each in _of(events, "message_sent")["properties"].to_pylist()]

    found = Counter(sent)

    share = 1 / len(JOURNEYS)
    assert set(found) < set(load_schema().topics)
    assert len(found) == len(JOURNEYS)
    assert all(
        abs(n - len(sent) * share) < 4 * np.sqrt(len(sent) * share * (1 - share)) for n in found.values()
    )


def test_orders_after_the_formation_have_no_part_in_the_messages(
    shop_tables: dict[str, pa.Table], shop: Shop, events: pa.Table
) -> None:
    early = pc.less(shop_tables["orders"]["ordered_at"], pa.scalar(formation_end(shop)))
    changed = shop_of(shop_tables["customers"], shop_tables["orders"].filter(early))

    again = draw_history(changed, ends_at=ENDS_AT, seed=0)

    assert len(changed.buyer) < len(shop.buyer)
    assert again.equals(events)


def test_a_household_that_joins_later_changes_nothing_for_the_others(
    shop_tables: dict[str, pa.Table], shop: Shop, events: pa.Table
) -> None:
    start = pa.scalar(formation_end(shop))
    late = pc.greater_equal(shop_tables["customers"]["joined_at"], start)
    others = shop_tables["customers"].filter(pc.invert(late))
    theirs = pc.is_in(shop_tables["orders"]["customer_id"], others["customer_id"].combine_chunks())

    without = draw_history(shop_of(others, shop_tables["orders"].filter(theirs)), ends_at=ENDS_AT, seed=0)

    assert pc.sum(late).as_py() > 10
    assert without.equals(
        events.filter(pc.is_in(events["customer_id"], others["customer_id"].combine_chunks()))
    )


def test_what_happened_by_a_time_does_not_depend_on_when_the_data_end(shop: Shop, events: pa.Table) -> None:
    sooner = ENDS_AT - timedelta(days=61)

    shorter = draw_history(shop, ends_at=sooner, seed=0)

    assert shorter.equals(events.filter(pc.less(events["occurred_at"], pa.scalar(sooner))))


def test_messages_go_to_joined_and_consenting_households_by_day_and_bounce_where_unreachable(
    shop: Shop, events: pa.Table
) -> None:
    place = {customer_id: number for number, customer_id in enumerate(shop.customer_ids)}
    sent, delivered = _of(events, "message_sent"), _of(events, "message_delivered")
    rows = [(place[row["customer_id"]], row["occurred_at"]) for row in sent.to_pylist()]
    reached = [place[each] for each in delivered["customer_id"].to_pylist()]

    hours = [at.astimezone(ZoneInfo(shop.time_zones[customer])).hour for customer, at in rows]

    assert all(at.replace(tzinfo=None) > shop.joined_at[customer].item() for customer, at in rows)
    assert all(
        shop.consent[c, CHANNELS.index(name)] for (c, _), name in zip(rows, _channels(sent), strict=True)
    )
    assert all(
        shop.reachable[c, CHANNELS.index(name)] for c, name in zip(reached, _channels(delivered), strict=True)
    )
    assert {FIRST_HOUR, LAST_HOUR} <= set(hours) <= set(range(FIRST_HOUR, LAST_HOUR + 1))


def test_clicks_are_as_many_as_the_world_expects(shop: Shop, events: pa.Table) -> None:
    """Each channel within 4 standard deviations: errs in fewer than 3 of 10,000 worlds."""
    world = form_world(shop, habit_at=formation_end(shop), seed=0)
    delivered, clicked = _of(events, "message_delivered"), np.array(_channels(_of(events, "message_clicked")))
    channels = np.array([CHANNELS.index(name) for name in _channels(delivered)])
    place = {customer_id: number for number, customer_id in enumerate(shop.customer_ids)}
    customers = np.array([place[each] for each in delivered["customer_id"].to_pylist()])
    sent_at = [at - timedelta(seconds=30) for at in delivered["occurred_at"].to_pylist()]
    zones = [ZoneInfo(shop.time_zones[customer]) for customer in customers]
    hours = np.array([at.astimezone(zone).hour for at, zone in zip(sent_at, zones, strict=True)])

    p = world.click_probability(customers, channels, hours, np.zeros(len(hours)), CIRCUMSTANCE)

    for number, name in enumerate(CHANNELS):
        mine = p[channels == number]
        assert abs((clicked == name).sum() - mine.sum()) < 4 * np.sqrt((mine * (1 - mine)).sum()) + 2


def test_data_that_end_before_tastes_are_formed_get_no_messages(shop: Shop) -> None:
    events = draw_history(shop, ends_at=formation_end(shop) - timedelta(days=30), seed=0)

    assert events.num_rows == 0
    assert events.schema == table_schema("events")


@pytest.fixture
def folder(tmp_path: Path, shop_tables: dict[str, pa.Table]) -> Path:
    description = DatasetDescription(name="made-up", source="a test", currency="IRT", amount_scale=1)
    write_dataset(tmp_path / "made-up", description, shop_tables)
    return tmp_path / "made-up"


def test_writing_again_changes_nothing_and_the_manifest_names_the_table(folder: Path) -> None:
    first = write_history(folder, seed=0)
    content = (folder / "events.parquet").read_bytes()

    second = write_history(folder, seed=0)

    assert second == first
    assert "events" in first.simulated
    assert (folder / "events.parquet").read_bytes() == content


def test_another_seed_replaces_the_simulated_messages_and_keeps_the_shops_own_events(
    tmp_path: Path, shop_tables: dict[str, pa.Table]
) -> None:
    own = pa.table([["c001"], ["product_viewed"], [ENDS_AT], ["{}"]], schema=table_schema("events"))
    description = DatasetDescription(name="made-up", source="a test", currency="IRT", amount_scale=1)
    write_dataset(tmp_path / "made-up", description, {**shop_tables, "events": own})

    fingerprints = {write_history(tmp_path / "made-up", seed=seed).fingerprint for seed in (0, 1)}

    written = pq.read_table(tmp_path / "made-up" / "events.parquet")
    assert len(fingerprints) == 2
    assert _of(written, "product_viewed").num_rows == 1
    assert _of(written, "message_sent")["occurred_at"].to_pylist() == sorted(
        _of(written, "message_sent")["occurred_at"].to_pylist()
    )


def test_a_shop_with_messages_of_its_own_is_left_alone(
    tmp_path: Path, shop_tables: dict[str, pa.Table]
) -> None:
    own = pa.table(
        [["c001"], ["message_sent"], [ENDS_AT], ['{"channel": "sms"}']], schema=table_schema("events")
    )
    description = DatasetDescription(name="made-up", source="a test", currency="IRT", amount_scale=1)
    write_dataset(tmp_path / "made-up", description, {**shop_tables, "events": own})

    with pytest.raises(SimulationError, match="1 message events of its own"):
        write_history(tmp_path / "made-up", seed=0)
