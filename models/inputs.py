"""The inputs that a policy may name, in one order for training and serving."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.feedback import Floats

SCORES: Final = ("purchase_propensity", "churn_risk", "expected_value")
CHANNELS: Final = ("email", "sms", "app_push", "web_push")
_CHOSEN_CHANNEL: Final = tuple(f"channel_{channel}" for channel in CHANNELS)
MOMENT: Final = ("local_hour", "local_weekday")
EARLIER_CHOICES: Final = (*_CHOSEN_CHANNEL, "send_hour")
BUDGET_PRICE: Final = "budget_price"
"""λ: what a unit of the coupon budget is worth beyond itself; a coupon policy weighs costs with 1 + λ."""
_AFTER_FEATURES: Final = {
    name: place for place, name in enumerate((*SCORES, *MOMENT, *EARLIER_CHOICES, BUDGET_PRICE))
}


def input_names(feature_columns: tuple[str, ...]) -> tuple[str, ...]:
    """All input names: the feature vector's columns, the scores, the local moment, what was chosen before, the budget."""
    return (*feature_columns, *SCORES, *MOMENT, *EARLIER_CHOICES, BUDGET_PRICE)


def bind(wanted: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The place of each wanted input. Raises `ValueError` naming the inputs that there are not."""
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise ValueError(f"a policy wants inputs that there are not: {missing}")
    return np.array([places[name] for name in wanted], dtype=np.intp)


class Inputs:
    """One decision's inputs, `(n_inputs,)`; filled as the decision goes on, unknown ones are nan.

    `names` must end with the scores, the moment, the earlier choices and the budget's price, as `input_names` gives them.
    """

    def __init__(self, *, names: tuple[str, ...], features: Floats) -> None:
        self.values = np.full(len(names), np.nan)
        self.values[: len(features)] = features
        self._start = len(features)
        for channel in _CHOSEN_CHANNEL:
            self.set(channel, 0.0)
        self.set(BUDGET_PRICE, 0.0)

    def set(self, name: str, value: float) -> None:
        """Put the value of a score, the moment, an earlier choice or the budget's price in its place."""
        self.values[self._start + _AFTER_FEATURES[name]] = value
