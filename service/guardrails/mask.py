"""The actions that constraints leave, with a reason for each that they took away."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from models.feedback import Booleans
from service.decision_point import DecisionName
from service.schemas import Reason


@dataclass
class Mask:
    """Eligible actions of one decision, narrowed rule by rule."""

    decision: DecisionName
    actions: tuple[str, ...]
    eligible: Booleans = field(init=False)
    reasons: list[Reason] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.eligible = np.ones(len(self.actions), dtype=np.bool_)

    def remove(self, rule: str, blocked: Iterable[str], detail: str) -> None:
        """Take the blocked actions out of what is still eligible; a rule that takes nothing leaves no reason."""
        names = set(blocked)
        taken = tuple(
            name for name, on in zip(self.actions, self.eligible, strict=True) if on and name in names
        )
        if taken:
            self.eligible &= np.array([name not in names for name in self.actions])
            self.reasons.append(Reason(rule=rule, decision=self.decision, actions=taken, detail=detail))

    def keep(self, rule: str, allowed: Collection[str], detail: str) -> None:
        """Take everything but the allowed actions out."""
        self.remove(rule, [name for name in self.actions if name not in allowed], detail)
