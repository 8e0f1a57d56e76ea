"""The talk's own rule of the lucky wheel: who gets which size."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.feedback import Floats
from training.simulation.audience import Audience
from training.simulation.world import COUPON_AMOUNTS

VALUE: Final = "expected_value"
LIKELIHOOD: Final = "purchase_propensity"


def wheel_sizes(audience: Audience) -> Floats:
    """The size each customer gets, `(n_customers,)`: larger for the valuable who would not buy anyway.

    The talk says "by the customer's value and by how likely they are to buy anyway", no more. Here: customers ranked by
    value and by likelihood, the difference of the two ranks cut into fifths. In the shop's currency.
    """
    value, likelihood = (audience.columns((name,))[:, 0] for name in (VALUE, LIKELIHOOD))
    place = _ranks(_ranks(value) - _ranks(likelihood)) * (len(COUPON_AMOUNTS) - 1) / len(value)
    return np.array(COUPON_AMOUNTS[1:], dtype=np.float64)[place.astype(np.int64)]


def _ranks(values: Floats) -> Floats:
    ranks = np.empty(len(values))
    ranks[np.argsort(np.nan_to_num(values), kind="stable")] = np.arange(len(values))
    return ranks
