"""The policies' state as a fold over rewards: closed rounds are in it for good, open ones are added as it is published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import structlog

from models.artifact import Artifact
from models.catalogue import load_policy
from models.delay import Additive, DelayDistribution
from models.feedback import Floats, Integers
from models.policy import Policy
from models.reward import State
from service.model_set import POLICY_NAMES
from service.open_rounds import OpenRounds, Slot
from service.record import Round
from service.reward_change import Change
from service.schemas import Group

LEARNT_GROUPS: Final[frozenset[Group]] = frozenset({"decisioning", "random"})
"""Groups whose actions were drawn; what is done as usual is rewarded for comparison and teaches nothing."""
_logger = structlog.get_logger()


@dataclass
class Fold:
    """The policies having learnt every closed round, and the open rounds beside them; None: not looked at yet."""

    policies: dict[str, Policy]
    open_rounds: OpenRounds | None

    @classmethod
    def of(cls, artifacts: Mapping[str, Artifact], open_rounds: OpenRounds | None) -> Fold:
        """The fold that goes on from these policies' artifacts."""
        return cls({name: load_policy(artifact) for name, artifact in artifacts.items()}, open_rounds)

    def apply(self, changes: Iterable[Change]) -> None:
        """Take back what was known before and take in what is known now, policy by policy."""
        by_policy: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            name = POLICY_NAMES.get(
                change.round.decision
            )  # a fixed split learns nothing; its rewards are evaluated
            if name is not None and change.group in LEARNT_GROUPS:
                by_policy[name].append(change)
        for name, mine in by_policy.items():
            policy = self.policies[name]
            if policy.learns_online:  # others stay as registered until they are fitted anew
                fitting = _fitting(name, policy, mine)
                _fold_closed(policy, fitting)
                if isinstance(policy, Additive):  # others wait for the window's end
                    self._follow_open(name, policy, fitting)

    def _follow_open(self, name: str, policy: Additive[Any], changes: Sequence[Change]) -> None:
        if self.open_rounds is None:
            return
        was = [(each, each.before.reward) for each in changes if each.before.state is State.OPEN]
        is_now = [(each, each.after.reward) for each in changes if each.after.state is State.OPEN]
        for sign, rewarded in ((-1, was), (+1, is_now)):
            by_slot: dict[Slot, list[tuple[Change, float]]] = defaultdict(list)
            for each, reward in rewarded:
                by_slot[Slot.of(name, each.journey, each.effective_at)].append((each, reward))
            for slot, mine in by_slot.items():
                silent = policy.sums(*_arrays([(each.round, each.silent) for each, _ in mine]))
                answered = policy.sums(*_arrays([(each.round, reward) for each, reward in mine]))
                self.open_rounds.add(slot, sign * len(mine), silent, answered)

    def artifacts(self) -> dict[str, Artifact]:
        """The state to go on from: closed rounds only."""
        return {name: policy.to_artifact() for name, policy in self.policies.items()}

    def published(
        self, now: datetime, delays: Mapping[tuple[str, str], DelayDistribution]
    ) -> dict[str, Artifact]:
        """What decides from now on: each policy with what its open rounds teach so far; delays by policy and journey."""
        artifacts = {}
        for name, policy in self.policies.items():
            sums = list(self.open_rounds.exposed(name, now, delays)) if self.open_rounds else []
            if sums and isinstance(policy, Additive):
                policy = policy.clone()
                policy.statistics = sum(sums, policy.statistics)
            artifacts[name] = policy.to_artifact()
        return artifacts


def _fitting(name: str, policy: Policy, changes: Sequence[Change]) -> list[Change]:
    """The changes of rounds that were decided from the policy's own inputs and actions."""
    fitting = [
        c for c in changes if c.round.inputs == policy.input_names and c.round.actions == policy.action_names
    ]
    if len(fitting) < len(changes):
        left_out = len(changes) - len(fitting)
        _logger.warning("rounds of other inputs are not learnt", policy=name, rounds=left_out)
    return fitting


def _fold_closed(policy: Policy, changes: Sequence[Change]) -> None:
    back = [(c.round, c.before.reward) for c in changes if c.before.state is State.RESOLVED]
    new = [(c.round, c.after.reward) for c in changes if c.after.state is State.RESOLVED]
    if back:
        policy.unlearn_many(*_arrays(back))
    if new:
        policy.learn_many(*_arrays(new))


def _arrays(rounds: Sequence[tuple[Round, float]]) -> tuple[Floats, Integers, Floats]:
    contexts = np.array([round_.context_array() for round_, _ in rounds])
    actions = np.array([round_.action for round_, _ in rounds])
    return contexts, actions, np.array([reward for _, reward in rounds])
