"""Hidden traits of the households: what no feature shows, only the answers to messages and offers do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.special import ndtri

from features.schema import CHANNELS
from models.feedback import Floats
from training.simulation.shop import Shop, utc_microseconds

HABIT_DAYS = 90
EVENING_HOURS = (18, 19, 20, 21, 22, 23)
_SMOOTHING = np.array([0.25, 0.5, 0.25])


@dataclass(frozen=True, kw_only=True)
class MessageTaste:
    """How a household takes messages: `interest` `(n,)` and `channel` `(n, 4)` in log-odds, `hours` `(n, 24)` shares.

    `fatigue` `(n,)`: what log(1 + messages of the last week) takes off the log-odds of a click.
    """

    interest: Floats
    channel: Floats
    hours: Floats
    fatigue: Floats


@dataclass(frozen=True, kw_only=True)
class PurchaseHabit:
    """How a household buys, each `(n,)`: orders per day, mean order in the shop's currency, price sensitivity (mean 1).

    `return_factor` (mean 1): how much likelier than most it is to come back once it has stopped buying.
    """

    orders_per_day: Floats
    order_value: Floats
    price_sensitivity: Floats
    return_factor: Floats


def draw_for_each(customer_ids: tuple[str, ...], seed: int, stream: str, size: int) -> Floats:
    """Uniform numbers in (0, 1), `(n_customers, size)`: a household's own depend on nothing but seed, stream and its id."""
    drawn = np.empty((len(customer_ids), size))
    for place, customer_id in enumerate(customer_ids):
        digest = hashlib.blake2b(f"{seed}\0{stream}\0{customer_id}".encode(), digest_size=16).digest()
        np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "big"))).random(out=drawn[place])
    return np.maximum(drawn, 2.0**-54)


def form_taste(shop: Shop, *, formed_at: datetime, seed: int) -> MessageTaste:
    """The taste in messages, formed by the hours of the orders before `formed_at` and by who the household is.

    hours: 0.6 of its own orders' hours (10 orders of the population's stand beside them), 0.4 a peak of its own three
    hours wide. channel: N(0, 0.7²), and up to 0.5 towards app push and away from e-mail the more it buys in the evening.
    Nothing ordered from `formed_at` on has a part in it: messages sent afterwards tell nothing of later orders.
    """
    known = shop.before(formed_at)
    normals = ndtri(draw_for_each(shop.customer_ids, seed, "taste", 1 + len(CHANNELS)))
    counts = np.zeros((shop.n_customers, 24))
    np.add.at(counts, (known.buyer, known.local_hour), 1.0)
    population = population_curve(known)
    own = (counts + 10 * population) / (counts.sum(axis=1, keepdims=True) + 10)
    channel = 0.7 * normals[:, 1:]
    leaning = np.clip(
        2 * (own[:, EVENING_HOURS].sum(axis=1) - population[list(EVENING_HOURS)].sum()), -0.5, 0.5
    )
    channel[:, CHANNELS.index("app_push")] += leaning
    channel[:, CHANNELS.index("email")] -= leaning
    peak = _personal_peak(shop, population, seed)
    tired = ndtri(draw_for_each(shop.customer_ids, seed, "fatigue", 1)[:, 0])
    return MessageTaste(
        interest=0.5 * normals[:, 0],
        channel=channel,
        hours=0.6 * _smooth(own) + 0.4 * peak,
        fatigue=0.25 * np.exp(0.5 * tired - 0.125),
    )


def population_curve(shop: Shop) -> Floats:
    """The share of all orders in each local hour, smoothed over its neighbours, every hour above 0: `(24,)`."""
    counts = np.bincount(shop.local_hour, minlength=24) + 1.0
    return _smooth(counts / counts.sum())


def form_habit(shop: Shop, *, formed_at: datetime, seed: int) -> PurchaseHabit:
    """The buying habit at `formed_at`, from the orders of the `HABIT_DAYS` before it and a hidden part.

    orders per day: (orders + 1) / (days + 1 / mean rate), times exp(N(0, 0.3²)); order value: shrunk to
    the mean by 5 orders, times exp(N(0, 0.2²)); price sensitivity: exp of 0.4·z(discount share) + 0.6·(used a coupon) +
    N(0, 0.4²), scaled to mean 1.
    """
    known = shop.before(formed_at)
    recent = known.ordered_at >= utc_microseconds(formed_at) - np.timedelta64(HABIT_DAYS, "D")
    orders = known.sum_each(recent.astype(np.float64))
    mean_rate = max(float(orders.mean()) / HABIT_DAYS, 1e-6)
    mean_value = float(known.amount.mean()) if len(known.amount) else 0.0
    normals = ndtri(draw_for_each(shop.customer_ids, seed, "habit", 3))
    rate = (orders + 1) / (HABIT_DAYS + 1 / mean_rate)
    value = (known.sum_each(known.amount) + 5 * mean_value) / (known.orders_each() + 5)
    share = known.sum_each(known.discount) / np.maximum(known.sum_each(known.amount + known.discount), 1.0)
    redeemed = known.sum_each(known.coupon_used.astype(np.float64)) > 0
    sensitivity = np.exp(0.4 * _z(share) + 0.6 * redeemed + 0.4 * normals[:, 2])
    returning = ndtri(draw_for_each(shop.customer_ids, seed, "return", 1)[:, 0])
    return PurchaseHabit(
        orders_per_day=rate * np.exp(0.3 * normals[:, 0]),
        order_value=value * np.exp(0.2 * normals[:, 1]),
        price_sensitivity=sensitivity / sensitivity.mean(),
        return_factor=np.exp(0.8 * returning - 0.32),
    )


def _personal_peak(shop: Shop, population: Floats, seed: int) -> Floats:
    u = draw_for_each(shop.customer_ids, seed, "peak", 1)
    centre = np.minimum(np.searchsorted(np.cumsum(population), u[:, 0]), 23)
    away = np.abs((np.arange(24) - centre[:, None] + 12) % 24 - 12)
    peak = np.exp(-0.5 * (away / 1.5) ** 2)
    return np.asarray(peak / peak.sum(axis=1, keepdims=True))


def _smooth(shares: Floats) -> Floats:
    before, after = np.roll(shares, 1, axis=-1), np.roll(shares, -1, axis=-1)
    return np.asarray(_SMOOTHING[0] * before + _SMOOTHING[1] * shares + _SMOOTHING[2] * after)


def _z(values: Floats) -> Floats:
    scale = float(values.std())
    return np.clip((values - values.mean()) / scale, -3, 3) if scale > 0 else np.zeros_like(values)
