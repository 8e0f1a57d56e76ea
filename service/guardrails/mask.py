"""The actions that constraints leave, with a reason for each that they took away."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from models.feedback import Booleans
from service.guardrails.reason import Found, give_reason
from service.point_decisions import DecisionName
from service.schemas import Reason


@lru_cache(maxsize=4096)
def _eligible(actions: tuple[str, ...], open_actions: tuple[str, ...]) -> Booleans:
    """Kept: of many decisions few leave actions that none before left."""
    still = frozenset(open_actions)
    eligible = np.array([name in still for name in actions], dtype=np.bool_)
    eligible.flags.writeable = False
    return eligible


@dataclass
class Mask:
    """Eligible actions of one decision, narrowed rule by rule; `blocked` holds all that each rule forbids, taken or not."""

    decision: DecisionName
    actions: tuple[str, ...]
    open_actions: tuple[str, ...] = field(init=False)
    """What is still eligible."""
    reasons: list[Reason] = field(default_factory=list)
    blocked: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open_actions = self.actions

    def copy(self) -> Mask:
        """The same, to be narrowed on its own."""
        copied = Mask(self.decision, self.actions, list(self.reasons), dict(self.blocked))
        copied.open_actions = self.open_actions
        return copied

    @property
    def eligible(self) -> Booleans:
        """Of each action whether it is open, `(n_actions,)`; not to be written to."""
        return _eligible(self.actions, self.open_actions)

    def remove(self, rule: str, blocked: Iterable[str], detail: str, found: Found) -> None:
        """Take the blocked actions out of what is still eligible; a rule that takes nothing leaves no reason."""
        names = frozenset(blocked).intersection(self.actions)
        if not names:
            return
        self.blocked[rule] = self.blocked.get(rule, frozenset()) | names
        taken = tuple([name for name in self.open_actions if name in names])
        if taken:
            self.open_actions = tuple([name for name in self.open_actions if name not in names])
            self.reasons.append(give_reason(rule, detail, found, decision=self.decision, actions=taken))

    def keep(self, rule: str, allowed: Collection[str], detail: str) -> None:
        """Take everything but the allowed actions out; the reason names these beside those that were open till then."""
        blocked = [name for name in self.actions if name not in allowed]
        if blocked:
            names = tuple([name for name in self.actions if name in allowed])
            self.remove(rule, blocked, detail, Found(names, self.open_actions))
