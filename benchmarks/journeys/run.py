"""Waves of customers, each decided about by policies that have learnt from the waves before it."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.journeys.lessons import add_up, sums_of
from benchmarks.journeys.life import Life
from benchmarks.journeys.shop import Shop
from benchmarks.journeys.tally import Tally, tally, together
from models.delay import Sums
from service.point_decisions import DecisionName

WAVE: Final = timedelta(days=35)
"""From wave to wave: every window of one is closed when the next begins."""
PART: Final = 250
Part = tuple[Tally, dict[DecisionName, Sums]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many customers in how many waves, from which local midnight on, and the seed of all chance."""

    customers: int
    waves: int
    first: datetime
    seed: int
    processes: int


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The tally of each wave, the time that passed together, processor time of all, and the most memory of one process."""

    customers: int
    waves: list[Tally]
    seconds: float
    processor_seconds: float
    peak_mb: float


def simulate(shop: Shop, plan: Plan) -> Iterator[Simulated]:
    """What is known after each wave; the parts of a wave are side by side."""
    began, waves = time.perf_counter(), list[Tally]()
    bounds = np.linspace(0, plan.customers, plan.waves + 1).astype(int).tolist()
    for wave in range(plan.waves):
        numbers = range(bounds[wave], bounds[wave + 1])
        shares = [numbers[at : at + PART] for at in range(0, len(numbers), PART)]
        context = get_context("fork")  # a part finds the shop, as it is in this wave, without sending it
        _shops[:] = [shop]
        with ProcessPoolExecutor(plan.processes, mp_context=context) as pool:
            parts = list(pool.map(_live_through, shares, [wave] * len(shares), [plan] * len(shares)))
        shop = shop.with_learnt(add_up(sums for _, sums in parts))
        waves.append(together(found for found, _ in parts))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        yield Simulated(
            customers=bounds[wave + 1],
            waves=list(waves),
            seconds=time.perf_counter() - began,
            processor_seconds=used.ru_utime + used.ru_stime,
            peak_mb=used.ru_maxrss / 1024,
        )


_shops: list[Shop] = []


def _live_through(numbers: range, wave: int, plan: Plan) -> Part:
    gc.disable()  # what a part makes goes with it, and its process with the wave
    shop = _shops[0]
    lives = live(shop, numbers, wave, plan)
    return tally(lives), sums_of(lives, shop)


def live(shop: Shop, numbers: range, wave: int, plan: Plan) -> list[Life]:
    """The lives of these customers in a wave."""
    start = start_of(wave, plan, ZoneInfo(next(iter(shop.rules.values())).time_zone))
    return [
        Life(
            shop=shop,
            customer=shop.customer(number),
            start=start,
            rng=np.random.default_rng([plan.seed, number, 0]),
            chance=np.random.default_rng([plan.seed, number, 1]),
        ).live()
        for number in numbers
    ]


def start_of(wave: int, plan: Plan, zone: ZoneInfo) -> datetime:
    """The local midnight at which a wave begins."""
    day = plan.first.date() + wave * WAVE
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(plan.first.tzinfo)
