"""When the simulated world's answers come, and what a learner makes of those that have not come yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from models.delay import DelayDistribution, estimate_delays, exposures
from models.feedback import Booleans, Floats

WINDOW_HOURS: Final = 48.0
MEDIAN_HOURS: Final = 3.0
SPREAD: Final = 1.6
"""Of a click: half come within three hours, a tenth takes longer than a day; assumptions without a source."""


def draw_delays(rng: np.random.Generator, n: int, *, window_hours: float = WINDOW_HOURS) -> Floats:
    """Hours to an answer that comes within the window: log-normal, cut there."""
    u = rng.random(n) * _uncut(np.array(window_hours))
    return np.asarray(MEDIAN_HOURS * np.exp(SPREAD * ndtri(u)))


def true_arrived_by(ages: Floats, *, window_hours: float = WINDOW_HOURS) -> Floats:
    """F of `draw_delays`."""
    within = np.clip(ages, 1e-9, window_hours)
    return np.asarray(_uncut(within) / _uncut(np.array(window_hours)))


def _uncut(hours: Floats) -> Floats:
    return np.asarray(ndtr(np.log(hours / MEDIAN_HOURS) / SPREAD))


@dataclass(frozen=True, kw_only=True)
class OpenRounds:
    """Rounds seen at one moment: age in hours, true chance of a click, whether it is here and how long it took (nan)."""

    ages: Floats
    chances: Floats
    clicked: Booleans
    delays: Floats


def draw_open_rounds(rng: np.random.Generator, chances: Floats, ages: Floats) -> OpenRounds:
    """Rounds of these ages and chances; a click that comes later than now has not been seen, its delay is nan."""
    comes = rng.random(len(chances)) < chances
    delays = np.where(comes, draw_delays(rng, len(chances)), np.inf)
    clicked = delays <= ages
    return OpenRounds(ages=ages, chances=chances, clicked=clicked, delays=np.where(clicked, delays, np.nan))


def zero_by_default(rounds: OpenRounds, known: DelayDistribution) -> float:
    """What is not here yet counts as a zero."""
    del known
    return float(rounds.clicked.mean())


def wait_for_the_window(rounds: OpenRounds, known: DelayDistribution) -> float:
    """Only rounds whose window is closed count; nan where there are none."""
    closed = rounds.ages >= known.window_hours
    return float(rounds.clicked[closed].mean()) if closed.any() else float("nan")


def clicks_at_once(rounds: OpenRounds, known: DelayDistribution) -> float:
    """A click counts as soon as it comes, its absence when the window closes."""
    return float(rounds.clicked[rounds.clicked | (rounds.ages >= known.window_hours)].mean())


def corrected(rounds: OpenRounds, known: DelayDistribution) -> float:
    """Each round counts its exposure (`models.delay.exposures`)."""
    return float(rounds.clicked.sum() / exposures(known, rounds.ages).sum())


def inversely_weighted(rounds: OpenRounds, known: DelayDistribution) -> float:
    """Each click counts 1 / F(age), each round once."""
    return float(np.sum(1 / exposures(known, rounds.ages[rounds.clicked])) / len(rounds.ages))


STRATEGIES: Final[dict[str, Callable[[OpenRounds, DelayDistribution], float]]] = {
    "zero by default": zero_by_default,
    "clicks at once, zeros late": clicks_at_once,
    "wait for the window": wait_for_the_window,
    "corrected by exposure": corrected,
    "corrected by inverse weights": inversely_weighted,
}


@dataclass(frozen=True, kw_only=True)
class StrategyError:
    """One strategy's relative error over repetitions: mean (the bias), its standard error, and root mean square."""

    strategy: str
    bias: float
    bias_se: float
    rmse: float


def compare_strategies(
    rng: np.random.Generator, chances: Callable[[Floats], Floats], *, days: float, n_rounds: int, n_runs: int
) -> list[StrategyError]:
    """Each strategy's error of the click rate of a campaign that has run so many days, relative to the true one.

    `chances`: the true chance of rounds of these ages in hours. The delays are estimated in each run, from `n_rounds` other
    rounds spread over ten days with a chance of 5 %.
    """
    errors: dict[str, list[float]] = {name: [] for name in STRATEGIES}
    for _ in range(n_runs):
        past = draw_open_rounds(rng, np.full(n_rounds, 0.05), 240 * rng.random(n_rounds))
        known = estimate_delays(past.delays, past.ages, window_hours=WINDOW_HOURS)
        ages = 24 * days * rng.random(n_rounds)
        rounds = draw_open_rounds(rng, chances(ages), ages)
        truth = float(rounds.chances.mean())
        for name, strategy in STRATEGIES.items():
            errors[name].append(strategy(rounds, known) / truth - 1)
    return [_summary(name, np.array(found)) for name, found in errors.items()]


def _summary(name: str, found: Floats) -> StrategyError:
    se = float(found.std(ddof=1) / np.sqrt(len(found)))
    rmse = float(np.sqrt(np.mean(found**2)))
    return StrategyError(strategy=name, bias=float(found.mean()), bias_se=se, rmse=rmse)
