"""Each shipped journey by `python -m journeys run` against a running service and a mail server; times are the real ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gardoon_client import Client
from journeys.definition_files import load_journeys
from journeys.store import Store
from journeys.tables import open_tables
from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import decisions
from tests.journeys.conftest import CUSTOMERS, Gardoon
from tests.journeys.outside import Mailbox, mailbox, runner, tell, track
from tests.running import wait_for

pytestmark = pytest.mark.slow

DAY = 24.0
JOURNEYS = tuple(load_journeys())
Told = tuple[str, float, dict[str, Any]]


def bought(hours_ago: float, *products: str, **others: Any) -> Told:
    lines = [{"product_id": product} for product in products]
    return (
        "purchased",
        hours_ago,
        {"order_id": "o1", "amount": 90, "currency": "IRT", "products": lines, **others},
    )


def in_cart(hours_ago: float, product: str) -> Told:
    return "added_to_cart", hours_ago, {"product_id": product, "cart_id": "cart-1"}


STORIES: dict[str, tuple[list[Told], list[Told]]] = {
    "browse_abandonment": (
        [("product_viewed", 46, {"product_id": "tea"})],
        [
            ("added_to_cart", 45.5, {"product_id": "tea", "cart_id": "cart-1"}),
            bought(45.4, "tea", cart_id="cart-1"),
        ],
    ),
    "cart_abandonment": ([in_cart(3.1, "salt")], [bought(3.05, "salt", cart_id="cart-1")]),
    "cross_sell": ([in_cart(0.6, "bread")], [bought(0.58, "bread", cart_id="cart-1")]),
    "price_drop": ([("product_viewed", 20, {"product_id": "jam", "price": 100})], [bought(10, "jam")]),
    "churn_prevention": (
        [bought(90.1 * DAY, "tea"), ("page_followed", 90 * DAY, {"network": "instagram"})],
        [bought(1, "tea")],
    ),
    "lucky_wheel": ([("app_opened", 0, {})], []),
    "follow_pages": ([bought(49, "tea")], [("page_followed", 48.5, {"network": "instagram"})]),
}
"""What a customer does who stays in a journey, and what one does besides who leaves it."""

EXPECTED = {
    "browse_abandonment": [("Still interested\\?|A good choice", ".*tea.*")],
    "cart_abandonment": [("Your cart is waiting|Nearly yours", ".*salt.*")],
    "cross_sell": [("Goes well with your cart", "Others also took butter, jam\\.")],
    "price_drop": [("The price fell", "Product jam, which you looked at, now costs 85\\.")],
    "churn_prevention": [
        ("We miss you", r"\S{4}-\S{4}-\S{4}-\S{4} takes \d0,000 IRT off your next order, .*")
    ],
    "lucky_wheel": [("Hooray!", r"You won \d0,000 IRT: \S{19}, valid until the end of tonight\.")],
    "follow_pages": [
        ("Follow our page", ".*"),
        ("Thank you for following", r"Your code for \d0,000 IRT is \S{19}\."),
    ],
}


@dataclass
class Played:
    """What came of all stories."""

    gardoon: Gardoon
    box: Mailbox
    store: Store

    def mails(self, customer: str) -> list[tuple[str, str]]:
        return [(title, body) for who, title, body in self.box.received if who == address_of(customer)]

    def steps(self, customer: str) -> set[str]:
        return {run.step for run in self.store.runs() if run.customer_id == customer}

    def decisions(self, customer: str, journey: str) -> list[str]:
        engine = open_log(Settings(var=self.gardoon.var).log_url)
        which = (decisions.c.customer_id == customer, decisions.c.journey == journey)
        with engine.connect() as connection:
            found = list(connection.scalars(select(decisions.c.decision_id).where(*which)))
        engine.dispose()
        return found


def address_of(customer: str) -> str:
    return f"{customer.replace(' ', '.')}@example.com"


def to_tell(journey: str) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    stays, leaves = STORIES[journey]
    for who, told in (("stays", stays), ("leaves", stays + leaves)):
        customer = f"{journey} {who}"
        traits = {"email": address_of(customer)}
        yield {"type": "identify", "userId": customer, "traits": traits, "timestamp": now}
        for number, (event, hours_ago, properties) in enumerate(told):
            yield {**track(customer, event, hours_ago, **properties), "messageId": f"{customer} {number}"}


@pytest.fixture(scope="module")
def played(gardoon: Gardoon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder: Path = tmp_path_factory.mktemp("runner")
    events = folder / "events.ndjson"
    for journey in JOURNEYS:
        tell(events, *to_tell(journey))
    cheaper = {"product_id": "jam", "price": 85, "currency": "IRT"}
    tell(events, {**track("shop", "price_changed", 0, **cheaper), "userId": None})
    with mailbox() as box, runner(folder, gardoon.address, box):
        store = Store(open_tables(f"sqlite:///{folder}/journeys.db"), load_journeys())
        found = Played(gardoon, box, store)
        follower = "follow_pages stays"
        wait_for(lambda: "follow" in found.steps(follower), seconds=90, what="the invitation")
        tell(events, track(follower, "page_followed", 0, network="instagram"))
        wanted = sum(len(mails) for mails in EXPECTED.values()) + 1  # the wheel turns for both
        wait_for(lambda: len(box.received) >= wanted, seconds=90, what=f"{wanted} mails")
        wait_for(lambda: all_told(found), seconds=90, what="the outcomes")
        yield found
        store.engine.dispose()


def all_told(played: Played) -> bool:
    with Client(played.gardoon.address) as client:
        ids = [each for journey in JOURNEYS for each in played.decisions(f"{journey} stays", journey)]
        return all(client.read_decision(decision_id).outcomes for decision_id in ids)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_journey_sends_what_was_decided_and_the_service_hears_of_it(played: Played, journey: str) -> None:
    customer = f"{journey} stays"
    patterns = EXPECTED[journey]

    matched = [
        [
            mail
            for mail in played.mails(customer)
            if re.fullmatch(title, mail[0]) and re.fullmatch(body, mail[1])
        ]
        for title, body in patterns
    ]

    assert [len(mails) for mails in matched] == [1] * len(patterns), played.mails(customer)
    with Client(played.gardoon.address) as client:
        logged = [client.read_decision(each) for each in played.decisions(customer, journey)]
    assert len(logged) == len(patterns)
    assert all([outcome.kind for outcome in each.outcomes] == ["delivered"] for each in logged)


@pytest.mark.parametrize("journey", [journey for journey in JOURNEYS if STORIES[journey][1]])
def test_whoever_leaves_a_journey_gets_nothing_of_it(played: Played, journey: str) -> None:
    titles = re.compile("|".join(title for title, _ in EXPECTED[journey]))

    assert [mail for mail in played.mails(f"{journey} leaves") if titles.fullmatch(mail[0])] == []
    assert played.decisions(f"{journey} leaves", journey) == []


def test_every_customer_of_the_stories_is_known() -> None:
    assert {f"{journey} {who}" for journey in JOURNEYS for who in ("stays", "leaves")} < set(CUSTOMERS)
