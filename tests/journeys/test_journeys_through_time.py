"""Journeys of days and weeks: the runner's process and a worker on its real log, both at a time that the test moves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from journeys.definition_files import SHIPPED, load_journeys
from journeys.run import Run
from journeys.store import Store
from journeys.tables import open_tables
from service.decision_point import DecisionPoint
from service.store.tables import decisions
from tests.gardoon_client.dropping_server import dropping_server
from tests.running import ROOT, wait_for
from tests.service.conftest import NOW, Worker, shipped, stored_customer

pytestmark = pytest.mark.slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODE = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}")
PLAYED = ("cart_abandonment", "churn_prevention", "lucky_wheel")
TOKYO = {
    "time_zone": "Asia/Tokyo"
}  # not the shop's zone: the day is the customer's own; midnight is at 15:00 UTC


def always_a_coupon(point: DecisionPoint) -> DecisionPoint:
    """The shipped decision point without groups and without a coupon of nothing; its caps and hours are what they are."""
    fields = point.model_dump()
    fields["shares"], fields["shop"]["holdout"] = {}, 0.0
    if fields["coupon"] is not None:
        fields["coupon"]["amounts"] = [amount for amount in fields["coupon"]["amounts"] if amount]
    return DecisionPoint.model_validate(fields)


@dataclass
class World:
    """A worker, the runner's folder, and the moments at which messages were printed."""

    worker: Worker
    folder: Path
    store: Store
    sent: list[tuple[datetime, str]]

    def move_to(self, now: datetime) -> None:
        """Make it that time for both; features are as new as ever."""
        self.worker.clock.now = now
        customers = self.worker.reader.customers
        for customer in customers:
            customers[customer] = stored_customer(customer, now, **TOKYO)
        partial = self.folder / "now.partial"
        partial.write_text(now.isoformat())
        partial.rename(self.folder / "now")

    def tell(self, event: str, customer: str, **properties: Any) -> None:
        """Something that the customer does now, and what follows of it."""
        now = self.worker.clock.now
        self.worker.reader.customers.setdefault(customer, stored_customer(customer, now, **TOKYO))
        message = {"messageId": f"{event} {customer} {now}", "userId": customer, "timestamp": now.isoformat()}
        with (self.folder / "events.ndjson").open("a") as lines:
            lines.write(
                json.dumps({"type": "track", "event": event, "properties": properties, **message}) + "\n"
            )
        self.settle()

    def pass_time(self, span: timedelta) -> None:
        """Let time go by from one moment that a run waits for to the next."""
        end = self.worker.clock.now + span
        while moments := [due for run in self.runs() if (due := run.due_at) is not None and due <= end]:
            self.move_to(min(moments))
            self.settle()
        self.move_to(end)

    def runs(self, customer: str = "", journey: str = "") -> list[Run]:
        """Of a customer and a journey, else all."""
        return [
            run
            for run in self.store.runs()
            if run.customer_id.startswith(customer) and run.journey.startswith(journey)
        ]

    def settle(self) -> None:
        """Wait until nothing is left to do at this time; note what was printed meanwhile."""
        wait_for(self._is_settled, seconds=30, what="the runner to have nothing to do")
        printed = (self.folder / "printed").read_text(encoding="utf-8").splitlines()
        self.sent += [(self.worker.clock.now, line) for line in printed[len(self.sent) :]]

    def _is_settled(self) -> bool:
        events, now = self.folder / "events.ndjson", self.worker.clock.now
        if self.store.position(str(events.resolve())) < events.stat().st_size or self.store.outbox():
            return False
        going = [run for run in self.runs() if run.ended is None]
        return not any(
            run.action is not None or (run.due_at is not None and run.due_at <= now) for run in going
        )

    def decided(self, customer: str) -> list[Any]:
        """What the log has of decisions for a customer, first to last."""
        query = select(decisions).where(decisions.c.customer_id == customer).order_by(decisions.c.decided_at)
        with self.worker.state.engine.connect() as connection:
            return list(connection.execute(query))


@pytest.fixture
def world(make_worker: Callable[..., Worker], tmp_path: Path) -> Iterator[World]:
    worker = make_worker(points={name: always_a_coupon(shipped().points[name]) for name in PLAYED})
    (tmp_path / "definitions").mkdir()
    for name in PLAYED:
        shutil.copy(SHIPPED / f"{name}.yaml", tmp_path / "definitions")
    store = Store(open_tables(f"sqlite:///{tmp_path}/journeys.db"), load_journeys(tmp_path / "definitions"))
    made = World(worker, tmp_path, store, [])
    made.move_to(NOW)
    command = [sys.executable, "-m", "tests.journeys.runner_at", str(tmp_path)]
    with (
        dropping_server(worker.client) as server,
        (tmp_path / "printed").open("w") as printed,
        (tmp_path / "runner.log").open("w") as log,
        subprocess.Popen([*command, server.address], cwd=ROOT, stdout=printed, stderr=log) as process,
    ):
        try:
            yield made
        except BaseException:
            print((tmp_path / "runner.log").read_text())
            raise
        finally:
            process.kill()
            store.engine.dispose()


def redeemed(worker: Worker, code: str) -> tuple[int, str]:
    """Status and title of the answer to an order with the code."""
    answer = worker.client.post("/v1/coupons/redeem", json={"code": code, "order_id": f"order with {code}"})
    return answer.status_code, answer.json().get("title", "")


def test_a_wheel_turns_once_a_day_and_its_code_dies_at_the_customers_midnight(world: World) -> None:
    told: list[tuple[str, ...]] = []
    for wait in (timedelta(0), 2 * HOUR, 4 * HOUR):  # 18:30 and 20:30, and 0:30 on the next day
        world.pass_time(wait)
        world.tell("app_opened", "player")
        told.append(tuple(CODE.findall(world.sent[-1][1])))
        if wait == 2 * HOUR:
            expires_at = world.worker.client.get(f"/v1/coupons/{told[0][0]}").json()["expires_at"]
    first, again, next_day = (codes[0] for codes in told)

    assert again == first
    assert next_day != first
    assert datetime.fromisoformat(expires_at) == NOW.replace(hour=15, minute=0)
    assert redeemed(world.worker, first) == (410, "Coupon expired")
    assert redeemed(world.worker, next_day)[0] == 200
    assert [run.ended for run in world.runs("player")] == ["done"] * 3


def test_another_cart_has_its_own_run(world: World) -> None:
    world.pass_time(14 * HOUR)  # into the next day: nothing goes out at night
    for cart, product in (("cart-1", "salt"), ("cart-2", "tea")):
        world.tell("added_to_cart", "buyer", cart_id=cart, product_id=product)
        world.pass_time(HOUR / 2)
    world.tell("purchased", "buyer", order_id="o1", cart_id="cart-2", products=[{"product_id": "tea"}])
    world.pass_time(2 * DAY)

    ended = {run.key: run.ended for run in world.runs("buyer", "cart_abandonment")}
    assert ended == {"cart-1": "done", "cart-2": "exit by purchased"}
    assert [line for _, line in world.sent if " to buyer: " in line and "salt" in line]
    assert not [line for _, line in world.sent if " to buyer: " in line and "tea" in line]


def test_whoever_stays_away_gets_a_message_a_week_until_a_purchase(world: World) -> None:
    began = world.worker.clock.now
    world.tell("purchased", "away", order_id="o1", products=[{"product_id": "tea"}])
    world.pass_time(90 * DAY + 9 * DAY)
    world.tell("purchased", "away", order_id="o2", products=[{"product_id": "tea"}])
    world.pass_time(60 * DAY)

    asked = [each.decided_at for each in world.decided("away")]
    reached = [at for at, line in world.sent if " to away: " in line]
    assert len(reached) == len(asked) == 2
    for week, at in enumerate(reached):
        assert timedelta(0) <= at - (began + 90 * DAY + 7 * week * DAY) <= DAY
    assert [run.ended for run in world.runs("away")] == ["exit by purchased", None]
