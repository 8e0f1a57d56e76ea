"""One coupon per customer and period from real workers that are hammered, killed and started again, on both databases."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from sqlalchemy import func, select

from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import budgets, coupons, draws
from tests.features.conftest import Shop
from tests.service.real_shop import prepare, serving
from tests.service.test_real_service import run_verify

pytestmark = pytest.mark.slow
CUSTOMERS = [f"visitor {number}" for number in range(60)]
BUDGET = 700_000


def write_points(folder: Path) -> Path:
    """The shipped journeys, the wheel's codes living for hours, so that no time of day is special to the test."""
    folder.mkdir()
    for path in Settings().decision_points.glob("*.yaml"):
        point = yaml.safe_load(path.read_text(encoding="utf-8"))
        if point.get("journey") == "lucky_wheel":
            point["shares"] = {}
            point["coupon"] |= {"valid": 24, "once_per": "month", "daily_budget": BUDGET}
        (folder / path.name).write_text(yaml.safe_dump(point), encoding="utf-8")
    return folder


class Callers:
    """Eight impatient callers: each asks two workers in turn about one customer after another, whatever fails.

    answers: answers by customer; refused: statuses and details of what was not answered.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.refused: list[tuple[int, str]] = []
        self._turns = itertools.count()

    @contextmanager
    def asking(self, addresses: Sequence[str]) -> Iterator[None]:
        """Ask these workers for as long as this lasts."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(addresses, stop)) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=20)

    def wait_for_more(self, number: int) -> None:
        """Return once there are so many more answers than now."""
        wanted, end = self._count() + number, time.monotonic() + 120
        while self._count() < wanted:
            assert time.monotonic() < end, (
                f"{self._count()} of {wanted} answers; refused: {self.refused[-5:]}"
            )
            time.sleep(0.02)

    def _count(self) -> int:
        return sum(len(found) for found in list(self.answers.values()))

    def _ask(self, addresses: Sequence[str], stop: threading.Event) -> None:
        while not stop.is_set():
            turn = next(self._turns)
            customer = CUSTOMERS[
                turn // 8 % len(CUSTOMERS)
            ]  # the eight ask about the same one at nearly the same time
            body = {"customer_id": customer, "journey": "lucky_wheel", "decide": ["coupon"]}
            try:
                status, answer = self._post(addresses[turn % len(addresses)], body)
            except (OSError, HTTPException, json.JSONDecodeError):
                time.sleep(0.01)  # nobody there
                continue
            if status == 200:
                self.answers[customer].append(answer)
            else:
                self.refused.append((status, str(answer["detail"])))

    @staticmethod
    def _post(address: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with closing(HTTPConnection(urlsplit(address).netloc, timeout=5)) as line:
            line.request("POST", "/v1/decide", json.dumps(body), {"content-type": "application/json"})
            response = line.getresponse()
            return response.status, json.loads(response.read())


def hammer(var: Path, points: Path, log_url: str) -> Callers:
    """What two workers answered of which one was killed under load, and then two more of which both were."""
    given = {"GARDOON_DECISION_POINTS": str(points), "GARDOON_DATABASE_URL": log_url}
    heard = Callers()
    for kills in (1, 2):
        with ExitStack() as stack:
            workers = [stack.enter_context(serving(var, **given)) for _ in range(2)]
            with heard.asking([address for address, _ in workers]):
                for _, process in workers[:kills]:
                    heard.wait_for_more(150)
                    process.kill()
                if kills == 1:
                    heard.wait_for_more(100)
    return heard


def check(heard: Callers, url: str) -> None:
    """Every customer saw one result, and the log holds exactly what was answered and no more than the budget."""
    assert {status for status, _ in heard.refused} <= {503}, heard.refused
    results = {
        customer: {json.dumps([a["status"], a["coupon"]]) for a in answers}
        for customer, answers in heard.answers.items()
    }
    assert {customer: seen for customer, seen in results.items() if len(seen) > 1} == {}
    shown = {a["coupon"]["code"] for answers in heard.answers.values() for a in answers if a["coupon"]}
    engine = open_log(url)
    with engine.connect() as connection:
        stored = set(connection.scalars(select(coupons.c.code)))
        most = connection.scalar(
            select(func.count())
            .select_from(coupons)
            .group_by(coupons.c.customer_id)
            .order_by(func.count().desc())
        )
        drawn = connection.scalar(select(func.count()).select_from(draws))
        face, used = (
            connection.scalar(select(func.sum(coupons.c.amount))),
            connection.scalar(select(budgets.c.used)),
        )
    engine.dispose()
    assert shown <= stored
    assert most == 1
    assert len(heard.answers) <= drawn <= len(CUSTOMERS)
    assert face == used <= BUDGET
    assert len(shown) >= 10, "too few coupons to say anything"


def test_two_workers_give_one_coupon_whoever_is_killed(
    tmp_path: Path, busy_shop: Callable[[], Shop], log_url: str
) -> None:
    prepare(tmp_path, busy_shop(), log_url)

    heard = hammer(tmp_path, write_points(tmp_path / "points"), log_url)

    check(heard, log_url)
    assert ", 0 differ" in run_verify(tmp_path, log_url)
