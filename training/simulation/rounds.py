"""Simulated decisions: contexts as the service builds them, uniformly random eligible actions, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from features.schema import CHANNELS
from models.feedback import Booleans, Floats, Integers, LoggedFeedback
from models.reward import RewardSpec
from training.simulation.audience import Audience
from training.simulation.occasions import HOURS, Occasions, draw_uniform
from training.simulation.world import COUPON_AMOUNTS, World

COUPON_ACTIONS = ("none", *(str(amount) for amount in COUPON_AMOUNTS[1:]))
SEND_TIME_ACTIONS = tuple(f"{hour:02d}" for hour in range(HOURS))


@dataclass(frozen=True, kw_only=True)
class SimulatedRounds:
    """Logged feedback with the truth beside it.

    `expected` `(n_rounds, n_actions)` is each action's true expected reward in that round given delivery, nan where it was
    not eligible; `customers` `(n_rounds,)` says whose round it is.
    """

    feedback: LoggedFeedback
    expected: Floats
    customers: Integers

    def take(self, rows: Integers | Booleans | slice) -> SimulatedRounds:
        """The chosen rounds, in the order given."""
        return SimulatedRounds(
            feedback=self.feedback.take(rows), expected=self.expected[rows], customers=self.customers[rows]
        )


@dataclass(frozen=True, kw_only=True)
class Request:
    """What rounds are simulated for: a policy's inputs and how its reward is made of outcomes."""

    input_names: tuple[str, ...]
    reward: RewardSpec


def simulate_channels(
    rng: np.random.Generator,
    world: World,
    audience: Audience,
    occasions: Occasions,
    request: Request,
) -> SimulatedRounds:
    """Channel rounds: messages sent at once. Where no channel is eligible or nothing was delivered there is no round."""
    occasions = occasions.of_reached(audience)
    eligible = audience.channels()[occasions.customers]
    n = len(occasions.customers)
    clicks = world.click_probability(
        np.repeat(occasions.customers, len(CHANNELS)),
        np.tile(np.arange(len(CHANNELS)), n),
        np.repeat(occasions.local_hour, len(CHANNELS)),
        np.zeros(n * len(CHANNELS)),
        np.repeat(_circumstance(world, occasions), len(CHANNELS)),
    ).reshape(n, len(CHANNELS))
    costs = np.tile([request.reward.cost_of(channel) for channel in CHANNELS], (n, 1))
    actions = draw_uniform(rng, eligible)
    rewards = _draw_clicks(rng, clicks, costs, actions)
    feedback = _logged(
        occasions.contexts(audience, request.input_names), actions, rewards, eligible, CHANNELS, request
    )
    rounds = SimulatedRounds(
        feedback=feedback, expected=np.where(eligible, clicks - costs, np.nan), customers=occasions.customers
    )
    return rounds.take(world.draw_delivered(rng, actions))


def simulate_send_times(
    rng: np.random.Generator,
    world: World,
    audience: Audience,
    occasions: Occasions,
    request: Request,
) -> SimulatedRounds:
    """Send-time rounds: the next occurrence of any local hour, on an eligible channel that was drawn alike before."""
    occasions = occasions.of_reached(audience)
    channel = draw_uniform(rng, audience.channels()[occasions.customers])
    occasions = replace(occasions, channel=channel)
    n, hours = len(occasions.customers), np.arange(HOURS)
    wait = (hours - occasions.local_hour[:, None]) % HOURS
    clicks = world.click_probability(
        np.repeat(occasions.customers, HOURS),
        np.repeat(occasions.channel, HOURS),
        np.tile(hours, n),
        wait.ravel().astype(np.float64),
        np.repeat(_circumstance(world, occasions), HOURS),
    ).reshape(n, HOURS)
    by_channel = np.array([request.reward.cost_of(channel) for channel in CHANNELS])
    costs = np.tile(by_channel[occasions.channel][:, None], (1, HOURS))
    eligible = np.ones((n, HOURS), dtype=np.bool_)
    actions = draw_uniform(rng, eligible)
    rewards = _draw_clicks(rng, clicks, costs, actions)
    contexts = occasions.contexts(audience, request.input_names)
    feedback = _logged(contexts, actions, rewards, eligible, SEND_TIME_ACTIONS, request)
    rounds = SimulatedRounds(feedback=feedback, expected=clicks - costs, customers=occasions.customers)
    return rounds.take(world.draw_delivered(rng, occasions.channel))


def simulate_coupons(
    rng: np.random.Generator,
    world: World,
    audience: Audience,
    occasions: Occasions,
    request: Request,
) -> SimulatedRounds:
    """Coupon rounds: a code or none shown on the spot, every size eligible; showing is certain."""
    n, amounts = len(occasions.customers), np.array(COUPON_AMOUNTS, dtype=np.float64)
    expected = world.expected_net_value(
        request.reward, np.repeat(occasions.customers, len(amounts)), np.tile(amounts, n)
    ).reshape(n, len(amounts))
    eligible = np.ones((n, len(amounts)), dtype=np.bool_)
    actions = draw_uniform(rng, eligible)
    rewards = world.draw_net_value(rng, request.reward, occasions.customers, amounts[actions])
    contexts = occasions.contexts(audience, request.input_names)
    feedback = _logged(contexts, actions, rewards, eligible, COUPON_ACTIONS, request)
    return SimulatedRounds(feedback=feedback, expected=expected, customers=occasions.customers)


def _circumstance(world: World, occasions: Occasions) -> Floats:
    return world.circumstance(occasions.customers, occasions.journey, occasions.recent_messages)


def _draw_clicks(rng: np.random.Generator, clicks: Floats, costs: Floats, actions: Integers) -> Floats:
    chosen = np.arange(len(actions)), actions
    return np.asarray((rng.random(len(actions)) < clicks[chosen]) - costs[chosen])


def _logged(
    contexts: Floats,
    actions: Integers,
    rewards: Floats,
    eligible: Booleans,
    action_names: tuple[str, ...],
    request: Request,
) -> LoggedFeedback:
    return LoggedFeedback(
        contexts=contexts,
        actions=actions,
        rewards=rewards,
        propensities=1 / eligible.sum(axis=1),
        eligible=eligible,
        input_names=request.input_names,
        action_names=action_names,
    )
