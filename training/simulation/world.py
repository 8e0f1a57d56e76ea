"""The truth of the simulated world: what would come of any action for any household, and draws of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, logit

from models.feedback import Booleans, Floats, Integers
from models.reward import RewardSpec
from training.simulation.traits import MessageTaste, PurchaseHabit

LARGEST_COUPON = 50_000.0


@dataclass(frozen=True, kw_only=True)
class WorldSpec:
    """The world's parameters, per channel in the order of `features.schema.CHANNELS`.

    On the Complete Journey app push is clicked at 5.4 % (the journeys' 3.5-8 %). Wheel codes, larger ones for customers who
    spend more, convert at 0.2, 1.0, 2.7, 5.5, 9.8 % for 10 to 50 thousand (the talk's 0.4, 1.3, 1.5, 4.7, 7.9 %): near, not
    calibrated. Open, delivery and the other channels' rates are assumptions without a source.
    """

    delivery_rate: tuple[float, ...] = (0.97, 0.95, 0.88, 0.80)
    click_rate: tuple[float, ...] = (0.027, 0.043, 0.062, 0.033)
    open_rate_unclicked: tuple[float, ...] = (0.16, 0.0, 0.10, 0.0)
    hour_effect: float = 0.6
    wait_effect: float = 0.5
    persuasion_at_largest: float = 0.075
    persuasion_exponent: float = 1.9
    habit_half_orders_per_day: float = 0.03
    use_at_largest: float = 0.15
    order_value_sigma: float = 0.5


@dataclass(frozen=True, kw_only=True)
class World:
    """Households with hidden traits. Every method takes arrays of one length, one entry a question, and answers alike.

    Messages: logit P(click | delivered) = logit(click_rate_channel) + interest + channel taste
    + hour_effect·log(24·share of the hour) - wait_effect·wait/24.

    Coupons, of size c: with p0 = 1 - exp(-orders_per_day·window) the household orders anyway; else the coupon persuades it
    with q(c) = persuasion_at_largest·(c/50,000)^exponent·price sensitivity·rate/(rate + half), at most 0.9 (one that has
    stopped buying is not persuaded: a lost cause). A persuaded order uses the coupon; one made anyway does with
    u(c) = use_at_largest·(c/50,000)^exponent.
    """

    taste: MessageTaste
    habit: PurchaseHabit
    spec: WorldSpec = field(default_factory=WorldSpec)

    def delivery_probability(self, channels: Integers) -> Floats:
        """P(delivered) where the customer is reachable."""
        return np.array(self.spec.delivery_rate)[channels]

    def click_probability(
        self, customers: Integers, channels: Integers, hours: Integers, wait_hours: Floats
    ) -> Floats:
        """P(click | delivered) of a message that arrives in this local hour, after so many hours of waiting."""
        taste, spec = self.taste, self.spec
        hour = spec.hour_effect * np.log(24 * taste.hours[customers, hours])
        wait = spec.wait_effect * wait_hours / 24
        base = logit(np.array(spec.click_rate))[channels]
        return np.asarray(
            expit(base + taste.interest[customers] + taste.channel[customers, channels] + hour - wait)
        )

    def baseline_probability(self, customers: Integers, window_hours: float) -> Floats:
        """p0: P(an order within the window) without a coupon."""
        return np.asarray(1 - np.exp(-self.habit.orders_per_day[customers] * window_hours / 24))

    def persuasion_probability(self, customers: Integers, amounts: Floats) -> Floats:
        """q: P(the coupon brings an order | none would have come)."""
        rate = self.habit.orders_per_day[customers]
        alive = rate / (rate + self.spec.habit_half_orders_per_day)
        size = self.spec.persuasion_at_largest * self._size_effect(amounts)
        return np.minimum(size * self.habit.price_sensitivity[customers] * alive, 0.9)

    def use_probability(self, amounts: Floats) -> Floats:
        """u: P(the coupon is used | the order would have come anyway)."""
        return self.spec.use_at_largest * self._size_effect(amounts)

    def conversion_probability(self, customers: Integers, amounts: Floats, window_hours: float) -> Floats:
        """P(the coupon is redeemed) = p0·u + (1 - p0)·q."""
        p0 = self.baseline_probability(customers, window_hours)
        return p0 * self.use_probability(amounts) + (1 - p0) * self.persuasion_probability(customers, amounts)

    def expected_click_reward(
        self, reward: RewardSpec, customers: Integers, channels: Integers, hours: Integers, wait_hours: Floats
    ) -> Floats:
        """The expected reward given delivery: an undelivered message has none."""
        return self.click_probability(customers, channels, hours, wait_hours) - reward.message_cost

    def expected_net_value(self, reward: RewardSpec, customers: Integers, amounts: Floats) -> Floats:
        """margin·P(order)·order value - c·P(redeemed) in thousands of the shop's currency, less the message's cost."""
        p0 = self.baseline_probability(customers, reward.window_hours)
        p_order = p0 + (1 - p0) * self.persuasion_probability(customers, amounts)
        redeemed = amounts * self.conversion_probability(customers, amounts, reward.window_hours)
        earned = reward.margin_share * p_order * self.habit.order_value[customers]
        return (earned - redeemed) / 1000 - reward.message_cost

    def draw_net_value(
        self, rng: np.random.Generator, reward: RewardSpec, customers: Integers, amounts: Floats
    ) -> Floats:
        """Realised net values: order or none, its amount (log-normal about the customer's mean), coupon used or not."""
        u = rng.random((3, len(customers)))
        came_anyway = u[0] < self.baseline_probability(customers, reward.window_hours)
        persuaded = ~came_anyway & (u[1] < self.persuasion_probability(customers, amounts))
        used = persuaded | (came_anyway & (u[2] < self.use_probability(amounts)))
        sigma = self.spec.order_value_sigma
        spread = np.exp(sigma * rng.standard_normal(len(customers)) - sigma**2 / 2)
        paid = (came_anyway | persuaded) * self.habit.order_value[customers] * spread
        net_value = (reward.margin_share * paid - amounts * used) / 1000 - reward.message_cost
        return np.asarray(net_value)

    def draw_delivered(self, rng: np.random.Generator, channels: Integers) -> Booleans:
        """Whether each message arrived."""
        return np.asarray(rng.random(len(channels)) < self.delivery_probability(channels))

    def _size_effect(self, amounts: Floats) -> Floats:
        return np.asarray((amounts / LARGEST_COUPON) ** self.spec.persuasion_exponent)
