"""How far a distribution is from certainty."""

from __future__ import annotations

import math
from collections.abc import Sequence


def normalized_entropy(probabilities: Sequence[float]) -> float:
    """-Σ p ln p / ln k over the k actions that were possible (p > 0): from 0, certain, to 1, even; 0 where k is 1.

    >>> normalized_entropy([0.25, 0.0, 0.25, 0.25, 0.25]), normalized_entropy([1.0, 0.0])
    (1.0, 0.0)
    """
    possible = [p for p in probabilities if p > 0]
    if len(possible) < 2:
        return 0.0
    return -sum([p * math.log(p) for p in possible]) / math.log(len(possible))
