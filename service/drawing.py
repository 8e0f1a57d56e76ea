"""How one of a decision's actions is drawn: everything that the draw depends on, so that it can be imagined otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.feedback import Booleans, Floats
from models.policy import Policy, choose, uniform
from service.guardrails.mask import Mask

Distribution = Callable[[Floats, Booleans], Floats | None]
"""The probability of each action for a context and the eligible actions; None where nothing would be done."""


class Wanted(NamedTuple):
    """What a decision waits for: the probabilities that a policy gives the eligible actions in a context."""

    policy: Policy
    context: Floats
    eligible: Booleans

    def alone(self) -> Floats:
        """The probabilities. Raises: what the policy does."""
        return self.policy.probabilities(self.context, self.eligible)


Choosing = Generator[Wanted, Floats, None]
"""A choice under way: it waits for probabilities, is given them and goes on."""


def probabilities_of(wanted: Sequence[Wanted]) -> list[Floats | Exception]:
    """What each waits for, or what its policy raises; those that ask the same policy are answered by one calculation."""
    by_policy: dict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(wanted):
        by_policy[id(each.policy)].append(place)
    found: dict[int, Floats | Exception] = {}
    for places in by_policy.values():
        found.update(zip(places, _of_one_policy([wanted[place] for place in places]), strict=True))
    return [found[place] for place in range(len(wanted))]


def _of_one_policy(wanted: Sequence[Wanted]) -> Sequence[Floats | Exception]:
    if len(wanted) > 1:
        contexts = np.concatenate([each.context for each in wanted]).reshape(len(wanted), -1)
        eligible = np.concatenate([each.eligible for each in wanted]).reshape(len(wanted), -1)
        try:
            return list(wanted[0].policy.probabilities_together(contexts, eligible))
        except Exception:  # noqa: BLE001 - one of them may be to blame: each is asked alone, and hears of its own
            pass
    return [_alone(each) for each in wanted]


def _alone(wanted: Wanted) -> Floats | Exception:
    try:
        return wanted.alone()
    except Exception as error:  # noqa: BLE001 - the decision's that waits for it, and none of the others'
        return error


@dataclass(frozen=True)
class Drawing:
    """A choice under way; `policy` is the one whose inputs the distribution depends on, None where it depends on none."""

    decision_id: str
    mask: Mask
    context: Floats
    distribution: Distribution
    policy: Policy | None

    def choice(self, context: Floats, eligible: Booleans) -> str | None:
        """The action that would be chosen in this context among these actions, by the decision's own random number."""
        probabilities = self.distribution(context, eligible) if eligible.any() else None
        if probabilities is None:
            return None
        return self.mask.actions[choose(probabilities, uniform(self.decision_id, self.mask.decision))]


def first_of(actions: Sequence[str], preferred: Sequence[str]) -> Distribution:
    """All on the first of the preferred actions that is eligible; None where none is."""

    def certain(_context: Floats, eligible: Booleans) -> Floats | None:
        for name in preferred:
            if name in actions and eligible[actions.index(name)]:
                return np.array([float(action == name) for action in actions])
        return None

    return certain
