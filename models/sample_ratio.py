"""Did the groups come out in the shares that were set? If not, something loses customers of one group, and nothing holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scipy.special import chdtrc

FALSE_ALARM: Final = 1e-3
"""The chance that true shares are called a mismatch."""
_FEWEST_EXPECTED: Final = 5.0


def group_shares(shares: Mapping[str, float], universal_holdout: float) -> dict[str, float]:
    """The share of every group of a journey: its own draw among those whom the hold-out across journeys leaves.

    >>> group_shares({"holdout": 0.1, "random": 0.2}, 0.5)
    {'holdout': 0.55, 'random': 0.1, 'decisioning': 0.35}
    """
    named = {**shares, "decisioning": 1 - sum(shares.values())}
    drawn = {group: share * (1 - universal_holdout) for group, share in named.items()}
    held_out = universal_holdout + drawn.get("holdout", 0.0)
    return {group: round(share, 12) for group, share in {**drawn, "holdout": held_out}.items()}


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """Distinct customers by group of one journey, and the shares that were set for its groups."""

    journey: str
    counts: Mapping[str, int]
    shares: Mapping[str, float]

    @property
    def p_value(self) -> float | None:
        """P(χ² as large or larger | the shares are true); None where a group expects fewer than 5 customers.

        χ² = Σ (found - expected)²/expected over groups with a share, one degree of freedom less than groups; 0 where a group
        without a share has customers. Counts must be of customers, who keep their group: decisions of one are no new draws.

        Source: Fabijan et al. (2019), Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD.
        """
        if any(count for group, count in self.counts.items() if not self.shares.get(group)):
            return 0.0
        total = sum(self.counts.values())
        expected = {group: share * total for group, share in self.shares.items() if share > 0}
        if len(expected) < 2 or min(expected.values()) < _FEWEST_EXPECTED:
            return None
        squares = sum((self.counts.get(group, 0) - e) ** 2 / e for group, e in expected.items())
        return float(chdtrc(len(expected) - 1, squares))

    @property
    def fault(self) -> str:
        """What is wrong, empty where nothing is or too few customers are there to say."""
        p = self.p_value
        if p is None or p >= FALSE_ALARM:
            return ""
        total = sum(self.counts.values())
        found = ", ".join(f"{group} {count / total:.1%}" for group, count in sorted(self.counts.items()))
        wanted = ", ".join(f"{group} {share:.1%}" for group, share in sorted(self.shares.items()))
        return f"sample ratio mismatch in {self.journey}: {found} of customers; set were {wanted} (p {p:.1g})"
