"""How long and how often is measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.serving.shapes import CHURN, WHEEL

LOADS = ((WHEEL, 16), (WHEEL, 32), (CHURN, 32))
"""Journey and connections of a round's bursts."""
FULL = (WHEEL, 32)
"""The load that the peers are under too."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seconds a load, rounds of each, and customers. A load ends sooner when it has had `most` of them, or `most_steady`."""

    rounds: int
    burst_s: float
    steady_rounds: int
    steady_s: float
    pause_s: float
    most: int
    most_steady: int
    customers: int
    decisions: int
    """How many are made of the same customers to see whether memory grows."""
    feast_on_sqlite: bool


LONG = Plan(
    rounds=5,
    burst_s=4.0,
    steady_rounds=3,
    steady_s=15.0,
    pause_s=45.0,
    most=3_000,
    most_steady=12_000,
    customers=140_000,
    decisions=50_000,
    feast_on_sqlite=True,
)
SHORT = Plan(
    rounds=1,
    burst_s=1.2,
    steady_rounds=1,
    steady_s=3.0,
    pause_s=3.0,
    most=1_500,
    most_steady=4_000,
    customers=18_000,
    decisions=500,
    feast_on_sqlite=False,
)
