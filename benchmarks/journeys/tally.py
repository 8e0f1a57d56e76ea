"""What lives come to: one row a customer and journey, and counts of the wheel's codes by size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import numpy as np

from benchmarks.journeys.life import MARGIN_SHARE, Life, Told
from benchmarks.journeys.shop import ARMS, PLAYED
from models.feedback import Floats, Integers
from models.reward import OutcomeKind
from service.schemas import Group
from training.simulation.world import COUPON_AMOUNTS

FIELDS: Final = (
    "decisions",
    "sends",
    "delivered",
    "clicks",
    "brought",
    "margin",
    "coupons",
    "messages",
    "expected",
    "orders_after",
    "returned",
    "codes",
    "followed",
)
"""Of a customer in a journey: `brought`: orders that would not have come; `margin`: what these earned; `coupons` and
`messages`: what was spent, all three in the shop's currency; `expected`: margin less coupons by the world's chances;
`orders_after`: within `AFTER` of the first decision, whatever brought them; `returned`: whether it ordered at all then;
`codes`: coupons shown or sent; `followed`: whether it followed the brand's page after the first decision.
"""
MESSAGE_COST: Final = 100.0
"""A message's cost in the talk, in toman."""
AFTER: Final = timedelta(hours=96)


@dataclass(kw_only=True)
class Tally:
    """`rows` `(n, len(FIELDS))` of those whom a journey decided about at least once.

    `journeys`, `arms` `(n,)`: places in `PLAYED` and `ARMS`. `codes` `(n_arms, n_sizes, 2)`: shown at the wheel, redeemed.
    """

    rows: Floats = field(default_factory=lambda: np.zeros((0, len(FIELDS))))
    journeys: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    arms: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    codes: Floats = field(default_factory=lambda: np.zeros((len(ARMS), len(COUPON_AMOUNTS), 2)))

    def column(self, name: str, journey: str, arm: Group) -> Floats:
        """A field of everyone in an arm of a journey; `net` is margin less all costs, `expected_net` that by the chances."""
        mine = (self.journeys == PLAYED.index(journey)) & (self.arms == ARMS.index(arm))
        rows = self.rows[mine]
        if name == "expected_net":
            return np.asarray(rows[:, FIELDS.index("expected")] - rows[:, FIELDS.index("messages")])
        if name == "net":
            margin, coupons, messages = (
                rows[:, FIELDS.index(each)] for each in ("margin", "coupons", "messages")
            )
            return np.asarray(margin - coupons - messages)
        return np.asarray(rows[:, FIELDS.index(name)])


def tally(lives: Iterable[Life]) -> Tally:
    """The tally of some lives. Who is held out of all journeys is in no arm."""
    total = Tally()
    rows, journeys, arms = [], [], []
    for life in lives:
        for place, journey in enumerate(PLAYED):
            told = [each for each in life.told.values() if each.record.request.journey == journey]
            group = life.shop.group(life.customer.customer_id, journey)
            if not told or group is None:
                continue
            rows.append(_row(life, journey, told))
            journeys.append(place)
            arms.append(ARMS.index(group))
            if journey == "lucky_wheel":
                _count_codes(total.codes[ARMS.index(group)], told)
    total.rows = np.array(rows).reshape(-1, len(FIELDS))
    total.journeys, total.arms = np.array(journeys, dtype=np.int64), np.array(arms, dtype=np.int64)
    return total


def together(parts: Iterable[Tally]) -> Tally:
    """Several tallies of different customers as one."""
    parts = list(parts)
    return Tally(
        rows=np.concatenate([part.rows for part in parts]),
        journeys=np.concatenate([part.journeys for part in parts]),
        arms=np.concatenate([part.arms for part in parts]),
        codes=np.sum([part.codes for part in parts], axis=0),
    )


def _row(life: Life, journey: str, told: list[Told]) -> list[float]:
    sent = [each for each in told if each.sent_at is not None]
    brought = [order for order in life.orders if order.journey == journey]
    first = told[0].record.decided_at
    after = [order for order in life.orders if order.at >= first]
    return [
        len(told),
        len(sent),
        sum(each.has(OutcomeKind.DELIVERED) or each.channel is None for each in sent),
        sum(each.has(OutcomeKind.CLICKED) for each in sent),
        len(brought),
        MARGIN_SHARE * sum(order.amount for order in brought if order.kept),
        sum(each.amount for each in sent if each.has(OutcomeKind.REDEEMED)),
        MESSAGE_COST * sum(each.channel is not None for each in sent),
        sum(each.expected for each in sent),
        sum(order.at < first + AFTER for order in after),
        float(bool(after)),
        sum(each.amount > 0 for each in sent),
        float(any(at >= first for at in life.follows)),
    ]


def _count_codes(codes: Floats, told: list[Told]) -> None:
    for each in told:
        if each.sent_at is not None and each.amount:
            codes[COUPON_AMOUNTS.index(each.amount)] += (1, each.has(OutcomeKind.REDEEMED))
