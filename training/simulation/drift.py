"""The drifting variant: the same households, whose preferences turn as time goes by."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from models.feedback import Floats
from training.simulation.traits import MessageTaste
from training.simulation.world import World


def drift(world: World, towards: World, turn: float) -> World:
    """The world after a share `turn` of the way to another world of the same households (say, one of another seed).

    The tastes in log-odds turn on a circle, cos(turn·π/2)·before + sin(turn·π/2)·after, so that they stay as varied as they
    were on the whole way; the shares of hours and the positive habits go straight, the latter in logarithms. The
    parameters stay: 0 is the stationary world, and each world on the way knows its true values and optimum as any does.

    Raises: `ValueError` unless 0 ≤ turn ≤ 1.
    """
    if not 0 <= turn <= 1:
        raise ValueError(f"turn is {turn}; wanted 0 to 1")
    cosine, sine = np.cos(turn * np.pi / 2), np.sin(turn * np.pi / 2)
    before, after = world.taste, towards.taste
    taste = MessageTaste(
        interest=cosine * before.interest + sine * after.interest,
        channel=cosine * before.channel + sine * after.channel,
        hours=(1 - turn) * before.hours + turn * after.hours,
        fatigue=_between(before.fatigue, after.fatigue, turn),
    )
    habit = {
        each.name: _between(getattr(world.habit, each.name), getattr(towards.habit, each.name), turn)
        for each in fields(world.habit)
    }
    return replace(world, taste=taste, habit=replace(world.habit, **habit))


def _between(before: Floats, after: Floats, turn: float) -> Floats:
    return np.asarray(before ** (1 - turn) * after**turn)
