"""Whatever happens in whatever order, the day's budget holds and nobody has two coupons for one day."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from httpx2 import Response
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import SQLAlchemyError

from service.decision_point import DecisionPoint
from service.store.coupon_log import RELEASED
from service.store.engine import moment
from service.store.tables import budgets, coupons
from service.upkeep import keep_up
from tests.service.conftest import Worker, stored_customer
from tests.service.test_ledger import with_coupon

BUDGET = 130_000
ZONES = {
    "c0": "Asia/Tehran",
    "c1": "America/New_York",
    "c2": "Pacific/Auckland",
    "c3": "Asia/Tehran",
    "c4": "",
}
SHOP_ZONE = ZoneInfo("Asia/Tehran")


class DiedError(SQLAlchemyError):
    """The process dies before it commits."""


@contextmanager
def dying_before_commit(engine: Engine) -> Iterator[None]:
    """The first commit of whatever runs in here does not happen."""
    left = [True]

    def die(_connection: Connection) -> None:
        if left:
            left.pop()
            raise DiedError

    event.listen(engine, "commit", die)
    try:
        yield
    finally:
        event.remove(engine, "commit", die)


@dataclass
class Given:
    """A coupon as a customer was told of it."""

    customer: str
    day: str
    coupon: dict[str, Any]
    decision_id: str
    deferred_until: datetime | None
    order: str | None = None
    unheard: bool = False
    """An answer that nobody heard may have put it into effect."""

    def alive(self, now: datetime) -> bool:
        """Whether it is or will be worth something: redeemed, or still to be redeemed."""
        if self.order is not None:
            return True
        if self.deferred_until is not None and now >= self.deferred_until:
            return False
        return now < datetime.fromisoformat(self.coupon["expires_at"])


@dataclass
class Oracle:
    """What must hold, told from answers alone, by going through all of them."""

    given: dict[str, Given] = field(default_factory=dict)

    def hear(self, customer: str, answer: dict[str, Any], now: datetime, *, deferred: bool) -> None:
        """Note what a decision answered."""
        coupon = answer["coupon"]
        day = now.astimezone(ZoneInfo(ZONES[customer] or SHOP_ZONE.key)).date().isoformat()
        live = [g for g in self.given.values() if (g.customer, g.day) == (customer, day) and g.alive(now)]
        if live and coupon is not None:
            assert coupon == live[0].coupon, f"{customer} was told of two coupons on {day}"
        if coupon is not None and coupon["code"] in self.given and not deferred:
            self.given[coupon["code"]].deferred_until = None
        if coupon is not None and coupon["code"] not in self.given:
            until = now + timedelta(minutes=60) if deferred else None
            self.given[coupon["code"]] = Given(customer, day, coupon, answer["decision_id"], until)

    def miss(self, customer: str) -> None:
        """Note that an answer for good may have been decided that was not heard."""
        for given in self.given.values():
            given.unheard |= given.customer == customer and given.deferred_until is not None

    def check(self, now: datetime, spent_on: Callable[[Given], str]) -> None:
        """Raises `AssertionError` when somebody has two coupons a day or a budget is passed."""
        alive = [given for given in self.given.values() if given.alive(now)]
        assert max(Counter((g.customer, g.day) for g in alive).values(), default=0) <= 1
        spent: dict[str, int] = defaultdict(int)
        for given in alive:
            spent[spent_on(given)] += given.coupon["amount"]
        assert max(spent.values(), default=0) <= BUDGET


@dataclass
class Walk:
    """A random sequence of what customers, shops and accidents do."""

    worker: Worker
    chance: random.Random
    oracle: Oracle = field(default_factory=Oracle)
    done: Counter[str] = field(default_factory=Counter)
    orders: int = 0

    def step(self) -> None:
        """One thing happens, and everything still holds."""
        weights = {"decide": 6, "decide_at_once": 2, "redeem": 4, "activate": 2, "wait": 3, "keep_up": 2}
        name = self.chance.choices(list(weights), list(weights.values()))[0]
        if self.chance.random() < 0.15:
            self.done["crash"] += 1
            with dying_before_commit(self.worker.state.engine):
                getattr(self, name)()
        else:
            getattr(self, name)()
        self.check()

    def check(self) -> None:
        """Compare what is stored with a recount of it, and what was answered with what must hold."""
        now, engine = self.worker.clock(), self.worker.state.engine
        with engine.connect() as connection:
            rows = connection.execute(select(coupons)).all()
            used = {row.day: row.used for row in connection.execute(select(budgets))}
        recount: Counter[str] = Counter(dict.fromkeys(used, 0))
        for row in rows:
            if row.state != RELEASED:
                recount[row.day] += row.amount
        assert used == recount
        assert max(used.values(), default=0) <= BUDGET
        days = {row.code: row.day for row in rows}
        known = {row.code: (row.state, moment(row.lapses_at)) for row in rows}
        assert self.oracle.given.keys() <= known.keys(), "a coupon was answered that is not stored"
        self.oracle.check(now, lambda given: days[given.coupon["code"]])

    def decide(self) -> None:
        self._hear([self._asked()])

    def decide_at_once(self) -> None:
        self._hear([self._asked()] * 4)

    def _asked(self) -> dict[str, Any]:
        return {
            "customer_id": self.chance.choice(list(ZONES)),
            "activate": "deferred" if self.chance.random() < 0.3 else "now",
        }

    def _hear(self, asked: list[dict[str, Any]]) -> None:
        """A caller that gets no answer asks again at some time, or never."""
        body = {"journey": "lucky_wheel", "decide": ["coupon"]}
        with ThreadPoolExecutor(len(asked)) as pool:
            answers = list(pool.map(lambda each: self._post("/v1/decide", {**body, **each}), asked))
        for each, answer in zip(asked, answers, strict=True):
            assert answer.status_code in (200, 503), answer.text
            lost = answer.status_code != 200 or self.chance.random() < 0.1
            self.done["no answer" if lost else answer.json()["status"]] += 1
            deferred = each["activate"] == "deferred"
            if lost and not deferred:
                self.oracle.miss(each["customer_id"])
            if not lost:
                self.oracle.hear(each["customer_id"], answer.json(), self.worker.clock(), deferred=deferred)

    def redeem(self) -> None:
        if not self.oracle.given:
            return
        given = self.chance.choice(list(self.oracle.given.values()))
        self.orders += 1
        order = given.order if given.order and self.chance.random() < 0.3 else f"o{self.orders}"
        form = self.chance.choice(["code", "token"])
        body = {"order_id": order, form: given.coupon[form]}
        status = self._post("/v1/coupons/redeem", body).status_code
        self.done[f"redeem {status}"] += 1
        if status == 200:
            assert given.order in (None, order), "two orders had one coupon"
            assert given.unheard or given.alive(self.worker.clock())
            given.order = order
        elif status != 503:
            assert status in (409, 410)
            assert given.order != order, "an order that has a coupon was refused it"

    def activate(self) -> None:
        waiting = [given for given in self.oracle.given.values() if given.deferred_until]
        if not waiting:
            return
        given = self.chance.choice(waiting[-2:])
        status = self._post(f"/v1/decisions/{given.decision_id}/activate", None).status_code
        self.done[f"activate {status}"] += 1
        if status == 200:
            assert given.unheard or given.alive(self.worker.clock())
            given.deferred_until = None

    def wait(self) -> None:
        self.worker.clock.advance(minutes=self.chance.choice([1, 20, 70, 300, 700]))

    def keep_up(self) -> None:
        try:
            keep_up(self.worker.state.engine, self.worker.clock())
        except DiedError:
            self.done["no upkeep"] += 1

    def _post(self, path: str, body: dict[str, Any] | None) -> Response:
        return self.worker.client.post(path, json=body)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_no_sequence_passes_the_budget_or_gives_two_coupons(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint], seed: int
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", daily_budget=BUDGET, once_per="day"))
    for customer, zone in ZONES.items():
        worker.reader.customers[customer] = stored_customer(customer, time_zone=zone)
    walk = Walk(worker, random.Random(seed))

    for _ in range(200):
        walk.step()

    seen = walk.done
    assert seen["act"] > 20, seen
    assert min(seen[each] for each in ("redeem 200", "redeem 409", "redeem 410", "activate 200")) > 0, seen
    assert min(seen[each] for each in ("crash", "no answer", "hold")) > 0, seen
