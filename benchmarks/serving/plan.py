"""How long and how often is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.serving.shapes import CHURN, EMBEDDED, PRODUCTION, WHEEL

FULL = (WHEEL, 32)
CROWD = (WHEEL, 128)
LOADS = ((WHEEL, 16), FULL, CROWD, (CHURN, 32))
"""Journey and connections of a round's bursts."""
PEERS_LOADS = (FULL, CROWD)
"""Those that the peers are under too."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seconds a load, rounds of each, and customers. One of ours ends when it has had `most`, or `most_steady`, of them."""

    rounds: int
    burst_s: float
    steady_rounds: int
    steady_s: float
    pause_s: float
    most: int
    most_steady: int
    customers: int
    decisions: Mapping[str, int]
    """How many each of those shapes makes about the same customers, to see whether memory grows."""
    at_length: tuple[str, ...]
    """The shapes of which more is measured than full and half load."""


LONG = Plan(
    rounds=5,
    burst_s=4.0,
    steady_rounds=3,
    steady_s=15.0,
    pause_s=45.0,
    most=4_000,
    most_steady=12_000,
    customers=220_000,
    decisions={EMBEDDED: 50_000, PRODUCTION: 1_000_000},
    at_length=(EMBEDDED, PRODUCTION),
)
SHORT = Plan(
    rounds=1,
    burst_s=1.0,
    steady_rounds=1,
    steady_s=2.5,
    pause_s=3.0,
    most=1_500,
    most_steady=4_000,
    customers=18_000,
    decisions={PRODUCTION: 500},
    at_length=(PRODUCTION,),
)
