"""What a policy believes of coupons beside what is true of them, by how likely customers are to order anyway."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.wheel.wheel import Wheel
from models.coupon import DRAWS, CouponThompson
from models.feedback import Floats
from models.inputs import BUDGET_PRICE
from models.win_counts import win_counts
from training.simulation.world import World

CLASSES: Final = ("third least likely to order", "middle third", "third likeliest")
COLUMNS: Final = ("orders believed", "orders true", "cost believed", "cost true", "given", "best")
_LIKELIHOOD: Final = "purchase_propensity"


def belief_and_truth(policy: CouponThompson, wheel: Wheel, world: World) -> Floats:
    """`(len(CLASSES), n_sizes, len(COLUMNS))`: orders that 1,000 codes add, what a code costs in the currency, and the
    shares of households who get each size, by the policy's draws and by the truth.
    """
    n, k = len(wheel.contexts), policy.n_actions
    found = np.zeros((n, k, len(COLUMNS)))
    place = policy.input_names.index(BUDGET_PRICE)
    for row, context in enumerate(wheel.contexts):
        dearer = context.copy()
        dearer[place] = 1.0
        orders, values = policy.order_probabilities(context).mean(axis=1), policy.net_values(context)
        found[row, :, 0] = 1000 * (orders - orders[0])
        found[row, :, 2] = 1000 * (values - policy.net_values(dearer)).mean(
            axis=1
        )  # λ counts the cost once more
        found[row, :, 4] = win_counts(values) / DRAWS
    found[:, :, 1], found[:, :, 3] = 1000 * wheel.added(world), wheel.costs(world)
    found[np.arange(n), wheel.values(world).argmax(axis=1), 5] = 1.0
    likelihood = wheel.contexts[:, policy.input_names.index(_LIKELIHOOD)]
    thirds = np.array_split(np.argsort(likelihood, kind="stable"), len(CLASSES))
    return np.stack([found[rows].mean(axis=0) for rows in thirds])
