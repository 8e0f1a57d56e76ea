"""What a customer does by itself, whatever it is sent: views, carts, app openings and orders, as events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from benchmarks.journeys.shop import Customer, Shop
from journeys.signal import Event

DAYS: Final = 28
AWAY: Final = timedelta(days=90)
VIEWS, CARTS_LEFT, APP_OPENINGS = 1.0, 0.5, 1.5
"""Mean numbers a customer in `DAYS` days: assumptions without a source, as are the shares below."""
ADDED_AFTER_VIEW, PRICE_FALLS, ORDER_FROM_CART, FOLLOWS_ANYWAY = 0.3, 0.3, 0.05, 0.02
PRICE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order; `journey`: whose message or code brought it, None where it would have come anyway."""

    at: datetime
    amount: float
    kept: bool
    journey: str | None = None


def own_orders(shop: Shop, customer: Customer, start: datetime, rng: np.random.Generator) -> list[Order]:
    """Its orders without any message, ascending, to a week after `DAYS`; who has lapsed returns once, if at all."""
    world, days = shop.stage.world, DAYS + 7
    if customer.has_lapsed:
        weekly = world.spec.weekly_return * world.habit.return_factor[customer.household]
        after = rng.geometric(min(weekly, 1.0)) - 1 + rng.random()
        moments = [7.0 * after] if 7 * after < days else []
    else:
        rate = world.habit.orders_per_day[customer.household]
        moments = sorted((days * rng.random(rng.poisson(rate * days))).tolist())
    return [new_order(shop, customer, start + timedelta(days=day), rng) for day in moments]


def new_order(
    shop: Shop, customer: Customer, at: datetime, rng: np.random.Generator, journey: str | None = None
) -> Order:
    """An order of the household's usual size, some of which come back."""
    world = shop.stage.world
    sigma = world.spec.order_value_sigma
    spread = np.exp(sigma * rng.standard_normal() - sigma**2 / 2)
    amount = float(world.habit.order_value[customer.household] * spread)
    return Order(at=at, amount=amount, kept=bool(rng.random() >= world.spec.refund_rate), journey=journey)


def own_events(
    shop: Shop, customer: Customer, start: datetime, orders: list[Order], rng: np.random.Generator
) -> Iterator[Event]:
    """What it is seen doing. Who has lapsed does nothing but return; its last order was so that its 90 days end soon."""
    name = customer.customer_id
    for order in orders:
        is_from_cart = not customer.has_lapsed and rng.random() < ORDER_FROM_CART
        thing = f"order at {order.at.isoformat()}"
        if is_from_cart:
            yield added(name, order.at - timedelta(hours=1), thing)
        yield purchased(name, order.at, thing)
    if customer.has_lapsed:
        last = start - AWAY + timedelta(days=7 * rng.random())
        yield purchased(name, last, "last order")
        return
    for number in range(rng.poisson(VIEWS)):
        at, product = moment(shop, start, rng), f"viewed {number}"
        viewed = {"product_id": product, "price": PRICE}
        yield Event(name="product_viewed", at=at, customer_id=name, properties=viewed)
        if rng.random() < ADDED_AFTER_VIEW:
            yield added(name, at + timedelta(hours=40 * rng.random()), product)
        if rng.random() < PRICE_FALLS:
            fallen = {"product_id": product, "price": PRICE * 85 // 100}
            days = 1 + 19 * rng.random()
            yield Event(name="price_changed", at=at + timedelta(days=days), properties=fallen)
    for number in range(rng.poisson(CARTS_LEFT)):
        yield added(name, moment(shop, start, rng), f"left {number}")
    for _ in range(rng.poisson(APP_OPENINGS)):
        yield Event(name="app_opened", at=moment(shop, start, rng), customer_id=name)
    if rng.random() < FOLLOWS_ANYWAY:
        yield followed(name, moment(shop, start, rng))


def moment(shop: Shop, start: datetime, rng: np.random.Generator) -> datetime:
    """Some time of the weeks, at the hours at which people order; `start` is a local midnight."""
    hours = np.cumsum(shop.stage.population)
    hour = min(int(np.searchsorted(hours, rng.random() * hours[-1], side="right")), 23)
    return start + timedelta(days=int(rng.integers(DAYS)), hours=hour + rng.random())


def added(customer_id: str, at: datetime, thing: str) -> Event:
    """A cart of its own with one product, both of that name."""
    properties = {"product_id": thing, "cart_id": thing}
    return Event(name="added_to_cart", at=at, customer_id=customer_id, properties=properties)


def followed(customer_id: str, at: datetime) -> Event:
    """The brand's page was followed."""
    return Event(name="page_followed", at=at, customer_id=customer_id)


def purchased(customer_id: str, at: datetime, thing: str) -> Event:
    """The order of the cart and product of that name."""
    properties: dict[str, Any] = {"cart_id": thing, "products": [{"product_id": thing}]}
    return Event(name="purchased", at=at, customer_id=customer_id, properties=properties)
