"""One customer through virtual time: events and the moments that runs wait for, in order, and what each command brings."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from benchmarks.journeys.doings import (
    DAYS,
    Order,
    followed,
    new_order,
    own_events,
    own_orders,
    purchased,
)
from benchmarks.journeys.shop import Customer, Shop
from features.schema import CHANNELS
from journeys.command import Command, Decide, Finish, Send, Suggest, WaitUntil, Withdraw
from journeys.interpreter import Outcome, advance, enter, key_of
from journeys.run import Run
from journeys.signal import Coupon, Decided, Decision, Due, Event, Sent, Suggested
from models import reward
from models.reward import OutcomeKind
from service.course import Facts
from service.decider import decide_scored
from service.decision_id import decision_id
from service.record import DecisionRecord
from service.schemas import Answer, DecideRequest
from service.standing import CountedMessage, Draw, Standing
from training.simulation.delays import draw_delays
from training.simulation.world import JOURNEYS

ORDERS_PER_CLICK: Final = 0.1
"""P(a click brings an order | none would have come within a day): an assumption without a source."""
FOLLOWS_PER_CLICK: Final = 0.5
"""P(who clicks the invitation follows the page): an assumption without a source."""
CLICKED_LIKE: Final = {"follow_pages": "churn_prevention"}
"""A journey that the world does not know is clicked like one of no effect of its own."""
MARGIN_SHARE: Final = 0.2
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
Place = tuple[str, str]


@dataclass(kw_only=True)
class Told:
    """A decision and what became of it; `sent_at` None: not sent. `run`: as it was when it decided, then when it sent.

    `expected`: the net value that the world's chances give it once it is sent, the message's own cost aside.
    """

    record: DecisionRecord
    run: Run
    sent_at: datetime | None = None
    channel: str | None = None
    amount: int = 0
    expected: float = 0.0
    outcomes: list[reward.Outcome] = field(default_factory=list)

    def has(self, kind: OutcomeKind) -> bool:
        """Whether such an outcome came."""
        return any(outcome.kind is kind for outcome in self.outcomes)

    def note(self, kind: OutcomeKind, at: datetime, value: float = 0.0) -> None:
        """Take in an outcome."""
        self.outcomes.append(reward.Outcome(kind, value, at))


@dataclass(kw_only=True)
class Life:
    """A customer under way. Two generators: `rng` of what it does by itself, `chance` of what messages bring."""

    shop: Shop
    customer: Customer
    start: datetime
    rng: np.random.Generator
    chance: np.random.Generator
    orders: list[Order] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    runs: dict[Place, Run] = field(default_factory=dict)
    messages: dict[str, CountedMessage] = field(default_factory=dict)
    draws: dict[str, Draw] = field(default_factory=dict)
    delivered: list[datetime] = field(default_factory=list)
    follows: list[datetime] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Event | Place]] = field(default_factory=list)
    _queued: int = 0

    def live(self) -> Life:
        """Itself after `DAYS` days; what waits then is not sent."""
        self.orders = own_orders(self.shop, self.customer, self.start, self.rng)
        for event in own_events(self.shop, self.customer, self.start, list(self.orders), self.rng):
            self._put(event.at, event)
        end = self.start + timedelta(days=DAYS)
        while self._queue and self._queue[0][0] < end:
            at, _, what = heapq.heappop(self._queue)
            if isinstance(what, Event):
                self._tell(what)
            elif (due := self.runs[what].due_at) is not None and due <= at:
                self._carry_out(what, advance(self.shop.journeys[what[0]], self.runs[what], Due(at=at)), at)
        return self

    def _put(self, at: datetime, what: Event | Place) -> None:
        self._queued += 1  # what comes at one moment comes in the order in which it was put
        heapq.heappush(self._queue, (at, self._queued, what))

    def _tell(self, event: Event) -> None:
        """Let runs hear of it, and begin one where it is not too old for that at `start`, when the weeks begin."""
        if event.name == "page_followed":
            self.follows.append(event.at)
        for place, run in list(self.runs.items()):
            if run.ended is None:
                self._carry_out(place, advance(self.shop.journeys[place[0]], run, event), event.at)
        for name, journey in self.shop.journeys.items():
            if self.start - event.at > journey.oldest_trigger:
                continue
            place = (name, key_of(journey, event))
            if entered := enter(journey, event, self.runs.get(place)):
                self._carry_out(place, entered, event.at)

    def _carry_out(self, place: Place, outcome: Outcome, now: datetime) -> None:
        self.runs[place], commands = outcome
        for command in commands:
            self._do(place, command, now)

    def _do(self, place: Place, command: Command, now: datetime) -> None:
        match command:
            case WaitUntil():
                self._put(command.at, place)
                return
            case Finish():
                return
            case Withdraw():
                self.messages.pop(command.decision_id, None)
                return
            case Decide():
                answer = self._decide(command, self.runs[place], now)
                signal: Decided | Suggested | Sent = Decided(action=command.action, at=now, decision=answer)
            case Suggest():
                signal = Suggested(action=command.action, at=now, products=("something that goes with it",))
            case Send():
                self._send(command, self.runs[place], now)
                signal = Sent(action=command.action, at=now)
        self._carry_out(place, advance(self.shop.journeys[place[0]], self.runs[place], signal), now)

    def _decide(self, asked: Decide, run: Run, now: datetime) -> Decision:
        shop, household = self.shop, self.customer.household
        rules = shop.rules[asked.journey]
        eligible = {}
        if (
            asked.journey == "lucky_wheel"
            and shop.group(asked.customer_id, asked.journey) == "business_as_usual"
        ):
            eligible = {"coupon": (str(shop.sizes[household]),)}
        request = DecideRequest(
            customer_id=asked.customer_id, journey=asked.journey, decide=asked.decisions, eligible=eligible
        )
        identity = decision_id(int(now.timestamp() * 1000), self.chance.bytes(10))
        standing = Standing(messages=tuple(self.messages.values()), draw=self._draw(asked.journey, now))
        facts = Facts(identity, now, request, shop.features(household), standing)
        record = decide_scored(facts, shop.models, rules, shop.scores[household])
        answer = msgspec.json.decode(record.answer, type=Answer)
        self._claim(record)
        self.told[identity] = Told(record=record, run=run)
        coupon = None
        if answer.coupon is not None:
            given = answer.coupon
            coupon = Coupon(
                code=given.code or "",
                amount=given.amount,
                currency=given.currency,
                expires_at=given.expires_at,
            )
        return Decision(
            decision_id=identity,
            status=answer.status,
            acts=answer.status == "act",
            channel=answer.channel,
            send_at=answer.send_at,
            message=answer.message,
            coupon=coupon,
        )

    def _draw(self, journey: str, now: datetime) -> Draw | None:
        draw = self.draws.get(journey)
        return draw if draw is not None and now < draw.ends_at else None

    def _claim(self, record: DecisionRecord) -> None:
        claims = record.claims
        if claims is None:
            return
        if claims.message is not None:
            self.messages[record.decision_id] = claims.message.message
        if claims.draw is not None:
            draw = claims.draw
            self.draws[claims.journey] = Draw(
                decision_id=record.decision_id, period=draw.period, ends_at=draw.ends_at, coupon=draw.coupon
            )

    def _send(self, send: Send, run: Run, now: datetime) -> None:
        """Show or deliver it; what comes of it is drawn from the world."""
        decision, household = send.decision, self.customer.household
        told, world = self.told[decision.decision_id], self.shop.stage.world
        if told.record.repeats is not None:
            return  # the same code again: what it brings was drawn when it was first shown
        told.run, told.sent_at, told.channel = run, now, decision.channel
        told.amount = decision.coupon.amount if decision.coupon else 0
        if decision.channel is not None:
            channel = np.array([CHANNELS.index(decision.channel)])
            if not world.draw_delivered(self.chance, channel)[0]:
                told.note(OutcomeKind.UNDELIVERED, now)
                self.messages.pop(decision.decision_id, None)
                return
            told.note(OutcomeKind.DELIVERED, now)
            self._maybe_click(told, int(channel[0]), send, now)
            self.delivered.append(now)
        if self.customer.has_lapsed:
            weekly = world.spec.weekly_return * world.habit.return_factor[household]
            messaged = min(world.spec.message_lift * weekly, 0.9)
            p = float((messaged - weekly) / (1 - weekly))
            self._maybe_order(told, p, self.chance.random() < p, now, now + WEEK)
        if decision.coupon is not None:
            self._maybe_redeem(told, decision.coupon, now)

    def _maybe_click(self, told: Told, channel: int, send: Send, now: datetime) -> None:
        world, who = self.shop.stage.world, np.array([self.customer.household])
        recent = sum(at > now - WEEK for at in self.delivered)
        journey = np.array([JOURNEYS.index(CLICKED_LIKE.get(send.journey, send.journey))])
        local = now.astimezone(ZoneInfo(self.shop.rules[send.journey].time_zone))
        waited = np.array([(now - told.record.decided_at) / HOUR])
        p = world.click_probability(
            who,
            np.array([channel]),
            np.array([local.hour]),
            waited,
            world.circumstance(who, journey, np.array([recent])),
        )
        clicks = bool(self.chance.random() < p[0])
        clicked_at = now + HOUR * float(draw_delays(self.chance, 1)[0])
        if clicks:
            told.note(OutcomeKind.CLICKED, clicked_at)
        if send.journey == "follow_pages":
            if clicks and self.chance.random() < FOLLOWS_PER_CLICK:
                self._put(clicked_at, followed(self.customer.customer_id, clicked_at))
        elif not self.customer.has_lapsed:
            orders = clicks and self.chance.random() < ORDERS_PER_CLICK
            until = clicked_at + 24 * HOUR
            self._maybe_order(told, float(p[0]) * ORDERS_PER_CLICK, orders, clicked_at, until)

    def _maybe_redeem(self, told: Told, coupon: Coupon, now: datetime) -> None:
        """u of an order that comes anyway while the code lives; else q, as `training.simulation.world` says."""
        world, amount = self.shop.stage.world, np.array([float(coupon.amount)])
        first = next((each for each in self.orders if now <= each.at < coupon.expires_at), None)
        if first is None:
            q = float(world.persuasion_probability(np.array([self.customer.household]), amount)[0])
            told.expected -= q * coupon.amount
            order = self._maybe_order(told, q, self.chance.random() < q, now, coupon.expires_at)
            if order is not None:
                told.note(OutcomeKind.REDEEMED, order.at, coupon.amount)
            return
        used = float(world.use_probability(amount)[0])
        told.expected -= used * coupon.amount
        if self.chance.random() < used:
            told.note(OutcomeKind.REDEEMED, first.at, coupon.amount)

    def _maybe_order(
        self, told: Told, p: float, happens: bool, since: datetime, until: datetime
    ) -> Order | None:
        """An order that would not have come, of probability p, unless another comes by then."""
        if any(since <= order.at < until for order in self.orders):
            return None
        world = self.shop.stage.world
        kept = float(world.habit.order_value[self.customer.household]) * (1 - world.spec.refund_rate)
        told.expected += MARGIN_SHARE * p * kept
        if not happens:
            return None
        at = since + float(self.chance.random()) * (until - since)
        order = new_order(self.shop, self.customer, at, self.chance, told.record.request.journey)
        self.orders = sorted([*self.orders, order], key=lambda each: each.at)
        self._put(at, purchased(self.customer.customer_id, at, told.run.key or "code"))
        return order
