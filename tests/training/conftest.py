"""A small shop of made-up households and its simulated world."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features.schema import CHANNELS, load_schema
from models.inputs import SCORES
from training.importing.dataset import table_schema
from training.simulation.audience import Audience
from training.simulation.calibration import calibrate
from training.simulation.formation import form_world
from training.simulation.shop import Shop, shop_of
from training.simulation.stage import Stage
from training.simulation.traits import population_curve

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
ENDS_AT = FIRST_DAY + timedelta(days=200)
N_CUSTOMERS = 400


@pytest.fixture(scope="session")
def shop_tables() -> dict[str, pa.Table]:
    """Customers, a tenth of whom join late, and their orders over 200 days; times in two zones."""
    rng = np.random.default_rng(1)
    rate = rng.gamma(2.0, 0.08, N_CUSTOMERS)
    joined = np.where(rng.random(N_CUSTOMERS) < 0.1, 100.0 + 50 * rng.random(N_CUSTOMERS), 0.0)
    orders = []
    for customer in range(N_CUSTOMERS):
        n = 1 + rng.poisson(rate[customer] * (200 - joined[customer]))
        days = np.sort(joined[customer] + (200 - joined[customer]) * rng.random(n))
        orders += [(f"c{customer:03d}", FIRST_DAY + timedelta(days=float(day))) for day in days]
    first = dict(reversed(orders))
    ids = sorted(first)
    flags = {
        f"{what}_{channel}": rng.random(N_CUSTOMERS) < 0.7
        for what in ("consent", "reachable")
        for channel in CHANNELS
    }
    zones = ["Asia/Tehran" if place % 2 else "Europe/Berlin" for place in range(N_CUSTOMERS)]
    numbers = dict.fromkeys(
        ("age_years", "income_thousand", "household_size", "kids_count"), [None] * N_CUSTOMERS
    )
    customers = {
        "customer_id": ids,
        "joined_at": [first[each] for each in ids],
        "time_zone": zones,
        **numbers,
        **flags,
        "sms_blacklisted": [False] * N_CUSTOMERS,
    }
    n_orders = len(orders)
    discount = (50_000 * rng.random(n_orders)).astype(np.int64)
    sold = {
        "order_id": [str(number) for number in range(n_orders)],
        "customer_id": [customer for customer, _ in orders],
        "ordered_at": [at for _, at in orders],
        "amount": (300_000 * rng.lognormal(0, 0.5, n_orders)).astype(np.int64),
        "discount": discount,
        "coupon_discount": np.where(rng.random(n_orders) < 0.05, discount, 0),
        "quantity": np.ones(n_orders, dtype=np.int64),
    }
    return {
        "customers": pa.table(customers, schema=table_schema("customers")),
        "orders": pa.table(sold, schema=table_schema("orders")),
    }


@pytest.fixture(scope="session")
def shop(shop_tables: dict[str, pa.Table]) -> Shop:
    """The shop in `shop_tables`."""
    return shop_of(shop_tables["customers"], shop_tables["orders"])


@pytest.fixture(scope="session")
def stage(shop: Shop) -> Stage:
    """The shop's world with features that show the hidden traits through some noise."""
    rng = np.random.default_rng(2)
    world = form_world(shop, habit_at=ENDS_AT, seed=0)
    names = (*load_schema().columns, *SCORES)
    known = {name: np.full(shop.n_customers, np.nan) for name in names}
    for place, channel in enumerate(CHANNELS):
        taste = world.taste.channel[:, place] + world.taste.interest
        known[f"click_rate_{channel}"] = np.exp(taste + 0.5 * rng.standard_normal(shop.n_customers)) / 20
        known[f"consent_{channel}"] = shop.consent[:, place].astype(np.float64)
        known[f"reachable_{channel}"] = shop.reachable[:, place].astype(np.float64)
    for hour in range(24):
        known[f"activity_by_hour_{hour:02d}"] = world.taste.hours[:, hour]
    known["purchase_propensity"] = 1 - np.exp(-7 * world.habit.orders_per_day)
    known["average_order_value"] = world.habit.order_value * rng.lognormal(0, 0.2, shop.n_customers)
    spend = 90 * world.habit.orders_per_day * world.habit.order_value
    known["expected_value"] = spend * rng.lognormal(0, 0.2, shop.n_customers)
    audience = Audience(
        customer_ids=shop.customer_ids, names=names, known=np.column_stack([known[n] for n in names])
    )
    population = population_curve(shop)
    return Stage(
        world=calibrate(world, audience, population),
        audience=audience,
        population=population,
        fingerprint="made up",
        currency="IRT",
    )
