"""The truth of the simulated world: what would come of any action for any household, and draws of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.special import expit, logit

from models.feedback import Booleans, Floats, Integers
from models.reward import RewardSpec
from training.simulation.traits import MessageTaste, PurchaseHabit

JOURNEYS: Final = (
    "browse_abandonment",
    "cart_abandonment",
    "cross_sell",
    "price_drop",
    "churn_prevention",
    "lucky_wheel",
)
COUPON_AMOUNTS: Final = (0, 10_000, 20_000, 30_000, 40_000, 50_000)
PROGRAMME_WEEKS: Final = 4


@dataclass(frozen=True, kw_only=True)
class WorldSpec:
    """The world's parameters: per channel in the order of `features.schema.CHANNELS`, per journey in that of `JOURNEYS`.

    `journey_effect` (log-odds of a click), `size_effect` (per size of `COUPON_AMOUNTS`), `weekly_return` and `message_lift`
    are what `calibration` solves for; as they stand here they are guesses. Open, delivery, refund and the other channels'
    rates are assumptions without a source.
    """

    delivery_rate: tuple[float, ...] = (0.97, 0.95, 0.88, 0.80)
    click_rate: tuple[float, ...] = (0.027, 0.043, 0.062, 0.033)
    open_rate_unclicked: tuple[float, ...] = (0.16, 0.0, 0.10, 0.0)
    journey_effect: tuple[float, ...] = (0.0,) * len(JOURNEYS)
    hour_effect: float = 0.6
    wait_effect: float = 0.5
    size_effect: tuple[float, ...] = (0.0, 0.0035, 0.013, 0.028, 0.05, 0.075)
    use_over_persuasion: float = 2.0
    habit_half_orders_per_day: float = 0.03
    order_value_sigma: float = 0.5
    refund_rate: float = 0.04
    weekly_return: float = 0.0025
    message_lift: float = 4.0


@dataclass(frozen=True, kw_only=True)
class World:
    """Households with hidden traits. Every method takes arrays of one length, one entry a question, and answers alike.

    Messages: logit P(click | delivered) = logit(click_rate_channel) + interest + channel taste
    + hour_effect·log(24·share of the hour) - wait_effect·wait/24 + circumstance, this being the journey's effect less
    the household's fatigue·log(1 + messages of the last week).

    Coupons, of size c: with p0 = 1 - exp(-orders_per_day·window) the household orders anyway; else the coupon persuades it
    with q(c) = size_effect(c)·price sensitivity·rate/(rate + half), at most 0.9 (one that has stopped buying is not
    persuaded: a lost cause). A persuaded order uses the coupon; one made anyway does with
    u(c) = use_over_persuasion·size_effect(c). A share `refund_rate` of orders comes back, coupon spent.

    Return of a household that stopped buying: each week with weekly_return·(its own factor), message_lift times that in a
    week with a message.
    """

    taste: MessageTaste
    habit: PurchaseHabit
    spec: WorldSpec = field(default_factory=WorldSpec)

    def delivery_probability(self, channels: Integers) -> Floats:
        """P(delivered) where the customer is reachable."""
        return np.array(self.spec.delivery_rate)[channels]

    def click_probability(
        self,
        customers: Integers,
        channels: Integers,
        hours: Integers,
        wait_hours: Floats,
        circumstance: Floats | float = 0.0,
    ) -> Floats:
        """P(click | delivered) of a message that arrives in this local hour, after so many hours of waiting."""
        taste, spec = self.taste, self.spec
        hour = spec.hour_effect * np.log(24 * taste.hours[customers, hours])
        wait = spec.wait_effect * wait_hours / 24
        base = logit(np.array(spec.click_rate))[channels]
        return np.asarray(
            expit(
                base
                + taste.interest[customers]
                + taste.channel[customers, channels]
                + hour
                - wait
                + circumstance
            )
        )

    def circumstance(self, customers: Integers, journeys: Integers, recent_messages: Integers) -> Floats:
        """What the journey (a place in `JOURNEYS`) and the messages of the last week add to the log-odds of a click."""
        effect = np.array(self.spec.journey_effect)[journeys]
        return np.asarray(effect - self.taste.fatigue[customers] * np.log1p(recent_messages))

    def return_probability(self, customers: Integers, messages: int) -> Floats:
        """P(an order within `PROGRAMME_WEEKS` weeks, with a message in the first so many) of one that stopped buying."""
        weekly = self.spec.weekly_return * self.habit.return_factor[customers]
        messaged = np.minimum(self.spec.message_lift * weekly, 0.9)
        return np.asarray(1 - (1 - messaged) ** messages * (1 - weekly) ** (PROGRAMME_WEEKS - messages))

    def baseline_probability(self, customers: Integers, window_hours: float) -> Floats:
        """p0: P(an order within the window) without a coupon."""
        return np.asarray(1 - np.exp(-self.habit.orders_per_day[customers] * window_hours / 24))

    def persuasion_probability(self, customers: Integers, amounts: Floats) -> Floats:
        """q: P(the coupon brings an order | none would have come)."""
        rate = self.habit.orders_per_day[customers]
        alive = rate / (rate + self.spec.habit_half_orders_per_day)
        size = self.size_effect(amounts)
        return np.minimum(size * self.habit.price_sensitivity[customers] * alive, 0.9)

    def use_probability(self, amounts: Floats) -> Floats:
        """u: P(the coupon is used | the order would have come anyway)."""
        return np.minimum(self.spec.use_over_persuasion * self.size_effect(amounts), 1.0)

    def conversion_probability(self, customers: Integers, amounts: Floats, window_hours: float) -> Floats:
        """P(the coupon is redeemed) = p0·u + (1 - p0)·q."""
        p0 = self.baseline_probability(customers, window_hours)
        return p0 * self.use_probability(amounts) + (1 - p0) * self.persuasion_probability(customers, amounts)

    def size_effect(self, amounts: Floats) -> Floats:
        """`WorldSpec.size_effect` at these amounts, straight lines between the sizes."""
        sizes = np.array(COUPON_AMOUNTS, dtype=np.float64)
        return np.asarray(np.interp(amounts, sizes, np.array(self.spec.size_effect)), dtype=np.float64)

    def expected_net_value(self, reward: RewardSpec, customers: Integers, amounts: Floats) -> Floats:
        """margin·P(order kept)·order value - c·P(redeemed) in thousands of the shop's currency."""
        p0 = self.baseline_probability(customers, reward.window_hours)
        p_order = p0 + (1 - p0) * self.persuasion_probability(customers, amounts)
        redeemed = amounts * self.conversion_probability(customers, amounts, reward.window_hours)
        kept = p_order * (1 - self.spec.refund_rate)
        return (reward.margin_share * kept * self.habit.order_value[customers] - redeemed) / 1000

    def draw_net_value(
        self, rng: np.random.Generator, reward: RewardSpec, customers: Integers, amounts: Floats
    ) -> Floats:
        """Realised net values: order or none, its amount (log-normal about the customer's mean), coupon used, refunded."""
        u = rng.random((4, len(customers)))
        came_anyway = u[0] < self.baseline_probability(customers, reward.window_hours)
        persuaded = ~came_anyway & (u[1] < self.persuasion_probability(customers, amounts))
        used = persuaded | (came_anyway & (u[2] < self.use_probability(amounts)))
        sigma = self.spec.order_value_sigma
        spread = np.exp(sigma * rng.standard_normal(len(customers)) - sigma**2 / 2)
        kept = (came_anyway | persuaded) & (u[3] >= self.spec.refund_rate)
        paid = kept * self.habit.order_value[customers] * spread
        return np.asarray((reward.margin_share * paid - amounts * used) / 1000)

    def draw_redeemed(
        self, rng: np.random.Generator, customers: Integers, amounts: Floats, window_hours: float
    ) -> Booleans:
        """Whether each code was used within the window."""
        p = self.conversion_probability(customers, amounts, window_hours)
        return np.asarray(rng.random(len(customers)) < p)

    def draw_delivered(self, rng: np.random.Generator, channels: Integers) -> Booleans:
        """Whether each message arrived."""
        return np.asarray(rng.random(len(channels)) < self.delivery_probability(channels))
