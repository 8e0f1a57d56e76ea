"""Inverse gap weighting of a boosted reward model that is fitted in batches."""

from __future__ import annotations

from typing import NoReturn, Protocol, Self

import numpy as np

from models.artifact import Artifact
from models.feedback import Booleans, Floats, Integers
from models.gap import inverse_gap
from models.policy import FixedPolicyError, Policy
from models.scorer import load_boosted_rewards

MODEL = "rewards.lgb"


class RewardModel(Protocol):
    """Predicts each action's reward; `text` is what it is stored as."""

    @property
    def text(self) -> str:
        """The model as text."""

    def expected_rewards(self, contexts: Floats) -> Floats:
        """`(n_rounds, n_actions)` for contexts `(n_rounds, n_inputs)`, nan where an input is unknown."""


class BoostedSquareCB(Policy):
    """Chooses an action the less often, the further its reward as trees predict it is behind the best's (`gap.inverse_gap`).

    The trees are fitted on a log in a batch (`scorer.fit_boosted_rewards`), so the policy does not learn round by round: it
    `learns_online` not, the learner leaves its state as registered, and asking it to learn is an error. Fit it anew instead.

    gamma: in 1/reward; 0 is uniform, the larger the greedier. √(number of rounds fitted)/(the rewards' standard deviation)
    is a place to start. Source: Foster and Rakhlin (2020), Beyond UCB, whose algorithm 1 takes any regression oracle.
    """

    kind = "boosted_square_cb"
    learns_online = False

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        rewards: RewardModel,
        gamma: float,
        floor: float = 0.02,
    ) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        if not gamma >= 0:
            raise ValueError(f"gamma is {gamma}; wanted 0 or more")
        self.rewards = rewards
        self.gamma = gamma

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return np.asarray(self._distributions(context[None], eligible[None])[0])

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        return inverse_gap(self.rewards.expected_rewards(contexts), eligible, self.gamma)

    def _refuse(self) -> NoReturn:
        raise FixedPolicyError(f"a policy of kind {self.kind!r} is fitted in batches; fit it anew on the log")

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:  # noqa: ARG002
        """Raises `FixedPolicyError`."""
        self._refuse()

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:  # noqa: ARG002
        """Raises `FixedPolicyError`."""
        self._refuse()

    def merge(self, other: Self) -> None:  # noqa: ARG002
        """Raises `FixedPolicyError`."""
        self._refuse()

    def discount(self, weight: float) -> None:  # noqa: ARG002
        """Raises `FixedPolicyError`."""
        self._refuse()

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, floor, gamma. Text: the trees."""
        manifest = {
            **self._manifest(),
            "gamma": self.gamma,
        }
        return Artifact(manifest, texts={MODEL: self.rewards.text})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind, or trees of other inputs."""
        artifact.require(cls.kind)
        named = cls._named_in(artifact.manifest)
        rewards = load_boosted_rewards(
            artifact.texts[MODEL], named["input_names"], len(named["action_names"])
        )
        return cls(**named, rewards=rewards, gamma=artifact.manifest["gamma"])
