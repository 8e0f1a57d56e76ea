"""The world's free parameters solved for, so that it shows the rates that the talk measured.

The talk's figures are observational: who got which coupon size was chosen by value and likelihood. So the world is made to
show them *under that rule*; what a size does for any one customer is then known here and nowhere in the talk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.stats import poisson

from features.schema import CHANNELS
from models.feedback import Booleans, Floats, Integers
from training.simulation.audience import Audience
from training.simulation.formation import SimulationError
from training.simulation.occasions import HOURS, RECENT_MESSAGES
from training.simulation.wheel_rule import wheel_sizes
from training.simulation.world import COUPON_AMOUNTS, JOURNEYS, PROGRAMME_WEEKS, World

CLICK_RATES: Final = {
    "browse_abandonment": 0.035,
    "cart_abandonment": 0.06,
    "cross_sell": 0.08,
    "price_drop": 0.056,
}
WHEEL_RATES: Final = {10_000: 0.004, 20_000: 0.013, 30_000: 0.015, 40_000: 0.047, 50_000: 0.079}
RETURN_RATES: Final = {0: 0.01, PROGRAMME_WEEKS: 0.04}
"""P(return within the programme) by the number of weekly messages."""
WHEEL_HOURS: Final = 24.0
_RECENT = np.arange(8)


@dataclass(frozen=True, kw_only=True)
class CalibratedRate:
    """One rate of the talk, the world's true one, and the share found in n simulated trials."""

    name: str
    wanted: float
    expected: float
    found: float
    n_trials: int

    @property
    def standard_error(self) -> float:
        """√(p(1 - p)/n) at the wanted rate."""
        return float(np.sqrt(self.wanted * (1 - self.wanted) / self.n_trials))


def calibrate(world: World, audience: Audience, hours: Floats) -> World:
    """The world whose expected rates over these customers are the talk's, to 1e-6; `hours` `(24,)`: when messages go out.

    Clicks are those of app pushes sent at once to who may get them. A size persuades at least as well as a smaller one,
    which holds a rate above the talk's where the data would want it otherwise (`measure` shows it). Raises:
    `SimulationError` when nobody may be pushed to, or a rate cannot be reached.
    """
    sizes, pushed = wheel_sizes(audience), _pushed(audience)
    journeys = [_journey_effect(world, pushed, hours, name) for name in CLICK_RATES]
    effects = [0.0, *(_size_effect(world, sizes, amount) for amount in COUPON_AMOUNTS[1:])]
    spec = replace(
        world.spec,
        journey_effect=(*journeys, *[0.0] * (len(JOURNEYS) - len(CLICK_RATES))),
        size_effect=tuple(np.maximum.accumulate(effects).tolist()),
    )
    return _calibrate_return(replace(world, spec=spec))


def measure(
    world: World, audience: Audience, hours: Floats, rng: np.random.Generator, *, n_trials: int
) -> list[CalibratedRate]:
    """The talk's rates beside those of the world and of `n_trials` simulated messages, codes and lapsed customers each."""
    rates = [_measure_clicks(world, audience, hours, rng, name, n_trials) for name in CLICK_RATES]
    rates += [_measure_wheel(world, audience, rng, amount, n_trials) for amount in WHEEL_RATES]
    for messages, wanted in RETURN_RATES.items():
        p = world.return_probability(rng.integers(len(audience.customer_ids), size=n_trials), messages)
        everyone = world.return_probability(np.arange(len(audience.customer_ids)), messages)
        name = f"return, {messages} messages in {PROGRAMME_WEEKS} weeks"
        rates.append(_rate(name, wanted, float(everyone.mean()), rng.random(n_trials) < p))
    return rates


def _measure_clicks(
    world: World, audience: Audience, hours: Floats, rng: np.random.Generator, name: str, n: int
) -> CalibratedRate:
    pushed, journey = _pushed(audience), JOURNEYS.index(name)
    customers, recent = rng.choice(pushed, size=n), rng.poisson(RECENT_MESSAGES, size=n)
    circumstance = world.circumstance(customers, np.full(n, journey), recent)
    push = np.full(n, CHANNELS.index("app_push"))
    at = rng.choice(HOURS, size=n, p=hours / hours.sum())
    p = world.click_probability(customers, push, at, np.zeros(n), circumstance)
    expected = _push_rate(world, pushed, hours, world.spec.journey_effect[journey])
    return _rate(f"{name}: click", CLICK_RATES[name], expected, rng.random(n) < p)


def _measure_wheel(
    world: World, audience: Audience, rng: np.random.Generator, amount: int, n: int
) -> CalibratedRate:
    given = np.flatnonzero(wheel_sizes(audience) == amount)
    expected = world.conversion_probability(given, np.full(len(given), float(amount)), WHEEL_HOURS).mean()
    drawn = world.draw_redeemed(rng, rng.choice(given, size=n), np.full(n, float(amount)), WHEEL_HOURS)
    return _rate(f"wheel, {amount:,}: redeemed", WHEEL_RATES[amount], float(expected), drawn)


def _rate(name: str, wanted: float, expected: float, successes: Booleans) -> CalibratedRate:
    found = float(successes.mean())
    return CalibratedRate(name=name, wanted=wanted, expected=expected, found=found, n_trials=len(successes))


def _push_rate(world: World, pushed: Integers, hours: Floats, effect: float) -> float:
    """E[P(click)] of an app push over customers, hours and how many messages went before."""
    weights = poisson.pmf(_RECENT, RECENT_MESSAGES)
    customers, hour, recent = (
        grid.ravel() for grid in np.meshgrid(pushed, np.arange(HOURS), _RECENT, indexing="ij")
    )
    tired = world.taste.fatigue[customers] * np.log1p(recent)
    push = np.full(len(customers), CHANNELS.index("app_push"))
    p = world.click_probability(customers, push, hour, np.zeros(len(customers)), effect - tired)
    by = p.reshape(len(pushed), HOURS, len(_RECENT)).mean(axis=0)
    return float((hours / hours.sum()) @ by @ (weights / weights.sum()))


def _journey_effect(world: World, pushed: Integers, hours: Floats, name: str) -> float:
    def excess(effect: float) -> float:
        return _push_rate(world, pushed, hours, effect) - CLICK_RATES[name]

    return _solve(excess, (-8.0, 8.0), name)


def _calibrate_return(world: World) -> World:
    everyone = np.arange(len(world.habit.return_factor))

    def with_return(weekly: float, lift: float) -> World:
        return replace(world, spec=replace(world.spec, weekly_return=weekly, message_lift=lift))

    def excess(trial: World, messages: int) -> float:
        return float(trial.return_probability(everyone, messages).mean()) - RETURN_RATES[messages]

    weekly = _solve(lambda rate: excess(with_return(rate, 1.0), 0), (0.0, 0.1), "return")
    n = PROGRAMME_WEEKS
    lift = _solve(lambda lift: excess(with_return(weekly, lift), n), (1.0, 100.0), "return with messages")
    return with_return(weekly, lift)


def _size_effect(world: World, sizes: Floats, amount: int) -> float:
    given = np.flatnonzero(sizes == amount)
    amounts = np.full(len(given), float(amount))
    place = COUPON_AMOUNTS.index(amount)

    def excess(effect: float) -> float:
        effects = tuple(effect if i >= place else 0.0 for i in range(len(COUPON_AMOUNTS)))
        trial = replace(world, spec=replace(world.spec, size_effect=effects))
        return float(trial.conversion_probability(given, amounts, WHEEL_HOURS).mean()) - WHEEL_RATES[amount]

    return _solve(excess, (0.0, 0.5), f"wheel {amount}")


def _pushed(audience: Audience) -> Integers:
    pushed = np.flatnonzero(audience.channels()[:, CHANNELS.index("app_push")])
    if not len(pushed):
        raise SimulationError(
            "no customer has both consent_app_push and reachable_app_push; the talk's rates are of pushes"
        )
    return pushed


def _solve(excess: Callable[[float], float], between: tuple[float, float], name: str) -> float:
    try:
        return float(brentq(excess, *between, xtol=1e-12))
    except ValueError as error:
        raise SimulationError(f"{name}: no parameter in {between} shows the talk's rate: {error}") from error
