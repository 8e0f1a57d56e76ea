"""What a policy is, and the one function that samples from it."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, ClassVar, Self

import numpy as np

from models.artifact import Artifact
from models.feedback import Booleans, Floats, Integers


class NoEligibleActionError(ValueError):
    """The constraints left nothing to choose from."""


class FixedPolicyError(TypeError):
    """A policy was asked to learn that is fitted in batches instead."""


class Policy(ABC):
    """Maps a context and the eligible actions to a probability for each action.

    A context holds the raw inputs named by `input_names`, nan where one is unknown; a policy scales them itself, so that a
    logged context can be read without the policy. Every eligible action gets at least `floor`, so that any other policy
    can be judged from the log; an ineligible one gets 0.

    Raises: `ValueError` when `floor` leaves no room for `n_actions` actions.
    """

    kind: ClassVar[str]
    learns_online: ClassVar[bool] = (
        True  # False: fitted in batches, and asking it to learn raises FixedPolicyError
    )

    same_in_company: ClassVar[bool] = False
    """Whether `_distributions` gives each round whole numbers that are those of `_distribution`, whatever is beside it."""

    def __init__(self, *, action_names: tuple[str, ...], input_names: tuple[str, ...], floor: float) -> None:
        if not 0 <= floor * len(action_names) < 1:
            raise ValueError(f"floor is {floor}; wanted at least 0 and below 1/{len(action_names)}")
        self.action_names = action_names
        self.input_names = input_names
        self.floor = floor

    @property
    def n_actions(self) -> int:
        """The number of actions, eligible or not."""
        return len(self.action_names)

    @property
    def reward_bounds(self) -> tuple[float, float]:
        """The least and the most that a reward to be learnt may be."""
        return -math.inf, math.inf

    def probabilities(self, context: Floats, eligible: Booleans) -> Floats:
        """The probability of each action, `(n_actions,)`: 0 where not eligible, at least the floor elsewhere, sum 1.

        Raises: `NoEligibleActionError` when nothing is eligible.
        """
        n_eligible = np.count_nonzero(eligible)
        if n_eligible == 0:
            raise self._nothing_eligible()
        if n_eligible == 1:
            return eligible.astype(np.float64)
        inside = self._distribution(context, eligible)
        room = 1 - self.floor * n_eligible
        if n_eligible == self.n_actions:
            return np.asarray(inside * (room / sum(inside.tolist())) + self.floor)
        inside = inside * eligible
        return np.asarray((inside * (room / sum(inside.tolist())) + self.floor) * eligible)

    def make_ready(self) -> None:
        """Do now what the first probabilities asked for would otherwise wait for, such as the draws of a posterior."""
        self.probabilities(np.full(len(self.input_names), np.nan), np.ones(self.n_actions, dtype=np.bool_))

    def probabilities_many(self, contexts: Floats, eligible: Booleans) -> Floats:
        """`probabilities` of many rounds, `(n_rounds, n_actions)`; the same numbers to 1e-12."""
        n_eligible = np.count_nonzero(eligible, axis=1)[:, None]
        if not n_eligible.all():
            raise self._nothing_eligible()
        inside = self._distributions(contexts, eligible) * eligible
        share = (1 - self.floor * n_eligible) / np.add.reduce(inside, axis=1)[:, None]
        return np.where(n_eligible == 1, eligible, (inside * share + self.floor) * eligible)

    def probabilities_together(self, contexts: Floats, eligible: Booleans) -> Floats:
        """`probabilities` of decisions made side by side, `(n_rounds, n_actions)`: to the bit those of each alone."""
        if self.same_in_company:
            return self.probabilities_many(contexts, eligible)
        return np.array([self.probabilities(*each) for each in zip(contexts, eligible, strict=True)])

    def _nothing_eligible(self) -> NoEligibleActionError:
        return NoEligibleActionError(f"none of {list(self.action_names)} is eligible")

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        """`_distribution` of many rounds, `(n_rounds, n_actions)`; a policy that can do them together says how."""
        rounds = zip(contexts, eligible, strict=True)
        return np.array([self._distribution(x, e) for x, e in rounds]).reshape(eligible.shape)

    @abstractmethod
    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        """Unnormalised, not negative weights of the actions `(n_actions,)`; those of ineligible ones are ignored."""

    @abstractmethod
    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Take in rounds: `(n_rounds, n_inputs)`, `(n_rounds,)`, `(n_rounds,)`."""

    @abstractmethod
    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Take rounds back that were learnt with exactly these rewards."""

    def learn_one(self, context: Floats, action: int, reward: float) -> None:
        """Take in one round, as `learn_many` would."""
        self.learn_many(context[None], np.array([action]), np.array([reward]))

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Add what another shard learnt that began, like this one, with nothing learnt."""

    @abstractmethod
    def discount(self, weight: float) -> None:
        """Let what was learnt so far count `weight` times, 0 to 1: the policy moves back towards its prior."""

    def forget(self, days: float, *, half_life_days: float) -> None:
        """Let what was learnt so far count 2^(-days / half_life_days) times: for worlds that drift.

        Raises: `ValueError` unless `days` is 0 or more and the half-life positive.
        """
        if not (days >= 0 and half_life_days > 0):
            raise ValueError(
                f"days is {days}, half_life_days {half_life_days}; wanted 0 or more, and above 0"
            )
        self.discount(0.5 ** (days / half_life_days))

    def _manifest(self) -> dict[str, Any]:
        """What every manifest says: kind, names and floor."""
        return {
            "kind": self.kind,
            "action_names": list(self.action_names),
            "input_names": list(self.input_names),
            "floor": self.floor,
        }

    @staticmethod
    def _named_in(manifest: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a policy that `_manifest` tells of."""
        return {
            "action_names": tuple(manifest["action_names"]),
            "input_names": tuple(manifest["input_names"]),
            "floor": manifest["floor"],
        }

    @abstractmethod
    def to_artifact(self) -> Artifact:
        """The policy as data."""

    @classmethod
    @abstractmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote."""

    def clone(self) -> Self:
        """A policy of the same state that learns on its own."""
        return self.from_artifact(self.to_artifact())


def uniform(decision_id: str, stream: str) -> float:
    """A number in [0, 1) that depends on nothing but the decision and the stream's name.

    The first 53 bits of BLAKE2b over both: no generator's state, so the same on every machine and numpy version.

    >>> uniform("d1", "channel") == uniform("d1", "channel")
    True
    >>> uniform("d1", "channel") == uniform("d1", "coupon")
    False
    """
    digest = hashlib.blake2b(f"{stream}\0{decision_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def choose(probabilities: Floats, u: float) -> int:
    """The action whose slice of the cumulated probabilities holds `u`: the only place where an action is sampled.

    >>> choose(np.array([0.2, 0.0, 0.8]), 0.1), choose(np.array([0.2, 0.0, 0.8]), 0.2)
    (0, 2)
    """
    shares = probabilities.tolist()
    cumulated = list(accumulate(shares))
    action = bisect_right(cumulated, u * cumulated[-1])
    if action < len(shares):
        return action
    # the product was rounded up to the whole
    return max(place for place, share in enumerate(shares) if share)
