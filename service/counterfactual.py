"""What would have been chosen otherwise: without each constraint, and with one input moved as little as possible.

The decision's own random number is kept, so an answer is about this decision, not about what is likely. A constraint that
made another action impossible also moves the others' shares of the random number: what is named is what would have happened.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from models.feedback import Booleans, Floats
from models.inputs import BUDGET_PRICE, EARLIER_CHOICES, JOURNEY
from models.policy import Policy
from service.drawing import Drawing
from service.guardrails.mask import Mask
from service.schemas import Counterfactual, Flip, WithoutRule

STEP: Final = 0.25
REACH: Final = 3.0
HALVINGS: Final = 6
OF_THE_ASKER: Final = ("journey", "clock", "request_eligible", "request_excluded", "request_force")
"""Rules that no constraint stands behind: what the journey offers, what the clock shows, what the request says."""


def counterfactual_of(drawing: Drawing) -> Counterfactual:
    """What binds a choice and what would flip it.

    Bound: every rule without which, all others kept, the choice would have been another. Nearest: the single input that
    has to move least, in its standard deviations as the policy's standardizer holds them (λ by its own unit), an unknown
    one from its mean. Sought in rings of `STEP` up to `REACH` standard deviations on both sides, then halved `HALVINGS`
    times: a flip that lasts for less than a ring's width may be missed, and the value may be one that no customer has. At
    most 2·n_inputs·(REACH / STEP + HALVINGS) draws.
    """
    chosen = drawing.choice(drawing.context, drawing.mask.eligible)
    nearest = None if chosen is None else _nearest(drawing, chosen)
    return Counterfactual(chosen=chosen, bound_by=tuple(_bound_by(drawing, chosen)), nearest=nearest)


def _bound_by(drawing: Drawing, chosen: str | None) -> Iterator[WithoutRule]:
    for rule in drawing.mask.blocked:
        if rule not in OF_THE_ASKER:
            choice = drawing.choice(drawing.context, _without(drawing.mask, rule))
            if choice != chosen:
                yield WithoutRule(rule=rule, choice=choice)


def _without(mask: Mask, lifted: str) -> Booleans:
    """What would be eligible if one rule took nothing away."""
    taken = {name for rule, names in mask.blocked.items() if rule != lifted for name in names}
    return np.array([name not in taken for name in mask.actions])


def _nearest(drawing: Drawing, chosen: str) -> Flip | None:
    """The input that has to move least; None where no single input within reach flips the choice."""
    moves = [] if drawing.policy is None else list(_moves(drawing.policy))
    for ring in np.arange(1, round(REACH / STEP) + 1) * STEP:
        flips = [move for move in moves if _choice_at(drawing, move, ring) != chosen]
        if flips:
            return _refined(drawing, chosen, flips, ring)
    return None


Move = tuple[int, float, float]
"""The place of an input, where it is moved from if unknown, and one standard deviation up or down."""


def _moves(policy: Policy) -> Iterator[Move]:
    """Both ways for every input of which the policy knows how much it varies; not the journey, not earlier choices."""
    standardizer = getattr(policy, "standardizer", None)
    if standardizer is None:
        return
    scaled = [name for name in policy.input_names if name not in (BUDGET_PRICE, JOURNEY)]
    names = policy.input_names if len(standardizer.scale) == len(policy.input_names) else scaled
    known = dict(zip(names, zip(standardizer.center, standardizer.scale, strict=True), strict=True))
    for place, name in enumerate(policy.input_names):
        if name == BUDGET_PRICE:
            yield from ((place, 0.0, 1.0), (place, 0.0, -1.0))
        elif name not in (*EARLIER_CHOICES, JOURNEY):
            center, scale = known[name]
            yield from ((place, float(center), float(scale)), (place, float(center), -float(scale)))


def _moved(drawing: Drawing, move: Move, by: float) -> Floats:
    place, center, scale = move
    context = drawing.context.copy()
    start = center if math.isnan(context[place]) else context[place]
    context[place] = start + by * scale
    if drawing.policy is not None and drawing.policy.input_names[place] == BUDGET_PRICE:
        context[place] = max(context[place], 0.0)
    return context


def _choice_at(drawing: Drawing, move: Move, by: float) -> str | None:
    return drawing.choice(_moved(drawing, move, by), drawing.mask.eligible)


def _refined(drawing: Drawing, chosen: str, flips: Iterable[Move], ring: float) -> Flip:
    """Of moves that flip the choice in the same ring the shortest; of equal ones the first."""
    least = min(((_shortest(drawing, chosen, move, ring), move) for move in flips), key=lambda each: each[0])
    distance, move = least
    assert drawing.policy is not None
    before, after = drawing.context[move[0]], _moved(drawing, move, distance)[move[0]]
    choice = _choice_at(drawing, move, distance)
    assert choice is not None, "moving an input takes no action away"
    return Flip(
        input=drawing.policy.input_names[move[0]],
        value=None if math.isnan(before) else float(before),
        moved_to=float(after),
        standard_deviations=math.copysign(distance, move[2]),
        choice=choice,
    )


def _shortest(drawing: Drawing, chosen: str, move: Move, ring: float) -> float:
    """The least distance found at which the move flips the choice; it does at `ring`."""
    stays, flips = ring - STEP, ring
    for _ in range(HALVINGS):
        middle = (stays + flips) / 2
        if _choice_at(drawing, move, middle) != chosen:
            flips = middle
        else:
            stays = middle
    return flips
