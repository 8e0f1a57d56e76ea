"""The three policies before any real feedback: warm-started on simulated rounds and marked as such."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeVar

import numpy as np

from features.schema import CHANNELS
from models.artifact import Artifact
from models.channel import ChannelThompson
from models.context import Standardizer
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.feedback import Floats, LoggedFeedback
from models.inputs import BUDGET_PRICE
from models.linear_thompson import LinearThompson
from models.policy import Policy
from models.reward import RewardSpec
from models.send_time import INPUTS as SEND_TIME_INPUTS
from models.send_time import SendTimeThompson
from training.simulation.audience import Audience
from training.simulation.formation import SimulationError
from training.simulation.occasions import Occasions, draw_occasions
from training.simulation.rounds import (
    Request,
    SimulatedRounds,
    simulate_channels,
    simulate_coupons,
    simulate_send_times,
)
from training.simulation.stage import Stage
from training.simulation.world import World

DECISIONS: Final = {"channel_policy": "channel", "send_time_policy": "send_time", "coupon_policy": "coupon"}
"""What each policy decides."""

CHANNEL_INPUTS: Final = tuple(f"click_rate_{channel}" for channel in CHANNELS)
COUPON_INPUTS: Final = (
    "purchase_propensity",
    "churn_risk",
    "expected_value",
    "average_order_value",
    "orders_28d",
    "recency_days",
    "discount_share_90d",
    "coupons_redeemed_365d",
    BUDGET_PRICE,
)
COUPON_EFFECT_INPUTS: Final = ("purchase_propensity", "discount_share_90d")
"""What the effect of a coupon may depend on; the more inputs, the more rounds it takes."""

MESSAGE_COST: Final = {"email": 0.0002, "sms": 0.002, "app_push": 0.0001, "web_push": 0.0001}
"""In clicks: an SMS of 100 toman where a click is worth 50,000; the others are guesses."""

_CHUNK = 5_000

Simulate = Callable[[np.random.Generator, World, Audience, Occasions, Request], SimulatedRounds]
WarmPolicy = ChannelThompson | SendTimeThompson | CouponThompson


AnyPolicy = TypeVar("AnyPolicy", bound=Policy)


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """How one policy is started: `n_rounds` decisions are simulated, what they teach weighs as much as `worth` rounds.

    The weight is a compromise. Simulated rounds speak of a world we made up, so real ones should soon outweigh them; yet
    the fewer they are worth, the closer to random the policy starts, the more so the noisier its reward.
    """

    name: str
    request: Request
    simulate: Simulate
    n_rounds: int
    worth: float


# The rewards are those of the reference journeys: a click within two days, a wheel's net value within one.
WARM_STARTS: Final = (
    WarmStart(
        name="channel_policy",
        request=Request(
            input_names=CHANNEL_INPUTS,
            reward=RewardSpec(kind="click", window_hours=48, message_cost=MESSAGE_COST, unsubscribe_cost=1.0),
        ),
        simulate=simulate_channels,
        n_rounds=200_000,
        worth=1_000,
    ),
    WarmStart(
        name="send_time_policy",
        request=Request(input_names=SEND_TIME_INPUTS, reward=RewardSpec(kind="click", window_hours=48)),
        simulate=simulate_send_times,
        n_rounds=40_000,
        worth=1_000,
    ),
    WarmStart(
        name="coupon_policy",
        request=Request(
            input_names=COUPON_INPUTS,
            reward=RewardSpec(kind="net_value", window_hours=24, delivery="assumed"),
        ),
        simulate=simulate_coupons,
        n_rounds=200_000,
        worth=2_000,
    ),
)


def new_policy(name: str, feedback: LoggedFeedback, population: Floats) -> WarmPolicy:
    """The policy of that name before it learns anything, scaled to these contexts.

    The priors' scales follow the rewards' units: a click's variance is about 0.04; `rate` is the prior mean of the noise
    variance (shape 2). Raises `KeyError` for another name.
    """
    if name == "send_time_policy":
        return SendTimeThompson(population=population, rate=0.04)
    if name == "coupon_policy":
        scaled = [place for place, known in enumerate(feedback.input_names) if known != BUDGET_PRICE]
        return CouponThompson(
            action_names=feedback.action_names,
            input_names=feedback.input_names,
            effect_inputs=COUPON_EFFECT_INPUTS,
            standardizer=Standardizer.fit(feedback.contexts[:, scaled]),
        )
    if name == "channel_policy":
        return ChannelThompson(
            action_names=feedback.action_names,
            input_names=feedback.input_names,
            standardizer=Standardizer.fit(feedback.contexts),
        )
    raise KeyError(name)


def linear_policy(feedback: LoggedFeedback, *, rate: float) -> LinearThompson:
    """Disjoint linear Thompson sampling scaled to these contexts: what a policy of its own kind must beat."""
    return LinearThompson(
        action_names=feedback.action_names,
        input_names=feedback.input_names,
        standardizer=Standardizer.fit(feedback.contexts),
        ridge=5.0,
        rate=rate,
    )


def simulate_rounds(start: WarmStart, stage: Stage, rng: np.random.Generator, n: int) -> SimulatedRounds:
    """The rounds of n occasions at hours that follow the population's; undelivered ones are left out."""
    occasions = draw_occasions(rng, stage.audience, stage.population, n)
    return start.simulate(rng, stage.world, stage.audience, occasions, start.request)


def warm_start(start: WarmStart, feedback: LoggedFeedback, population: Floats) -> WarmPolicy:
    """The policy having learnt the rounds, its statistics scaled to the weight of `start.worth` rounds.

    Raises: `SimulationError` when there are no rounds to learn.
    """
    if feedback.n_rounds == 0:
        raise SimulationError(
            f"{start.name}: no simulated round; no customer has both consent_* and reachable_* of any channel"
        )
    return teach(new_policy(start.name, feedback, population), start, feedback)


def teach(policy: AnyPolicy, start: WarmStart, feedback: LoggedFeedback) -> AnyPolicy:
    """The policy having learnt the rounds, as if they were `start.worth`."""
    for begin in range(0, feedback.n_rounds, _CHUNK):  # a round's features of 24 hours are wide
        part = feedback.take(slice(begin, begin + _CHUNK))
        policy.learn_many(part.contexts, part.actions, part.rewards)
    policy.discount(min(start.worth / feedback.n_rounds, 1.0))
    return policy


def warm_start_artifact(
    start: WarmStart, policy: WarmPolicy, feedback: LoggedFeedback, *, seed: int, fingerprint: str
) -> Artifact:
    """The policy as the service reads it, its manifest saying that it knows simulated feedback only.

    Coupons are learnt journey by journey from there on.
    """
    served = CouponByJourney(start=policy) if isinstance(policy, CouponThompson) else policy
    artifact = served.to_artifact()
    told = {
        "name": start.name,
        "warm_start": "simulated",
        "reward": asdict(start.request.reward),
        "learned_until": None,
        "simulated_rounds": feedback.n_rounds,
        "simulated_weight": min(start.worth / feedback.n_rounds, 1.0),
        "simulated_worth_rounds": min(start.worth, feedback.n_rounds),
        "simulation_seed": seed,
        "data_fingerprint": fingerprint,
    }
    return replace(artifact, manifest={**artifact.manifest, **told})
