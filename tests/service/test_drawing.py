"""Probabilities that several decisions wait for at once."""

from __future__ import annotations

import numpy as np

from models.feedback import Booleans, Floats
from models.uniform_random import UniformRandom
from service.drawing import Wanted, probabilities_of


class Moody(UniformRandom):
    """Refuses a context that begins with a negative number."""

    def probabilities(self, context: Floats, eligible: Booleans) -> Floats:
        if context[0] < 0:
            raise ValueError(f"not for {context[0]}")
        return super().probabilities(context, eligible)


def test_each_hears_of_its_own_whichever_policy_it_asks() -> None:
    moody, calm = (kind(action_names=("a", "b", "c"), input_names=("x",)) for kind in (Moody, UniformRandom))
    masks = np.array([[True, True, True], [True, False, True], [False, True, True]])
    wanted = [
        Wanted(policy, np.array([x]), mask)
        for policy, x in ((moody, 1.0), (calm, -1.0), (moody, -2.0), (moody, 3.0))
        for mask in masks
    ]

    found = probabilities_of(wanted)

    for each, answer in zip(wanted, found, strict=True):
        if each.policy is moody and each.context[0] < 0:
            assert str(answer) == "not for -2.0"
        else:
            assert isinstance(answer, np.ndarray)
            assert answer.tolist() == each.alone().tolist()


def test_nobody_waits_for_nothing() -> None:
    assert probabilities_of([]) == []
