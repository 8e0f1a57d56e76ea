"""The inputs that a policy may name, in one order for training and serving."""

from __future__ import annotations

import hashlib
import math
from datetime import date, datetime
from functools import lru_cache
from typing import Final

import numpy as np

from models.feedback import Floats
from models.jalali import jalali_month, nowruz

SCORES: Final = ("purchase_propensity", "churn_risk", "expected_value")
CHANNELS: Final = ("email", "sms", "app_push", "web_push")
_CHOSEN_CHANNEL: Final = tuple(f"channel_{channel}" for channel in CHANNELS)
MOMENT: Final = ("local_hour", "local_weekday", "iranian_weekend", "jalali_month", "days_to_nowruz")
_IRANIAN_WEEKEND: Final = (3, 4)
"""Thursday and Friday, as `datetime.weekday` counts."""
EARLIER_CHOICES: Final = (*_CHOSEN_CHANNEL, "send_hour")
BUDGET_PRICE: Final = "budget_price"
"""λ: what a unit of the coupon budget is worth beyond itself; a coupon policy weighs costs with 1 + λ."""
JOURNEY: Final = "journey_number"
"""Which journey asks, as `journey_number` tells it: a name, not a quantity."""
_AFTER_FEATURES: Final = {
    name: place for place, name in enumerate((*SCORES, *MOMENT, *EARLIER_CHOICES, BUDGET_PRICE, JOURNEY))
}
_AT_FIRST: Final = np.array(
    [0.0 if name in (*_CHOSEN_CHANNEL, BUDGET_PRICE) else math.nan for name in _AFTER_FEATURES]
)
"""What comes after the features before anything is known of it: no channel chosen, a budget that costs nothing."""
_MOMENT: Final = slice(_AFTER_FEATURES[MOMENT[0]], _AFTER_FEATURES[MOMENT[-1]] + 1)


def input_names(feature_columns: tuple[str, ...]) -> tuple[str, ...]:
    """All input names: the feature vector's columns, the scores, the moment, what was chosen before, budget and journey."""
    return (*feature_columns, *SCORES, *MOMENT, *EARLIER_CHOICES, BUDGET_PRICE, JOURNEY)


@lru_cache(maxsize=1024)
def journey_number(name: str) -> float:
    """The number that stands for a journey's name: the first 48 bits of BLAKE2b, which a float holds exactly.

    >>> journey_number("lucky_wheel")
    47183940272965.0
    """
    return float(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big"))


def moment_inputs(local: datetime) -> dict[str, float]:
    """What a moment on the customer's own clock tells: hour, weekday (Monday is 0), and where it lies in the Jalali year.

    >>> from datetime import UTC
    >>> moment_inputs(datetime(2026, 3, 19, 21, 30, tzinfo=UTC))
    {'local_hour': 21, 'local_weekday': 3, 'iranian_weekend': 1.0, 'jalali_month': 12, 'days_to_nowruz': 2}
    """
    return {"local_hour": local.hour, **_day_inputs(local.date())}


@lru_cache(maxsize=64)
def _day_inputs(day: date) -> dict[str, float]:
    """What the day alone tells. Kept: decisions at one time are of three days at most."""
    month = jalali_month(day)
    is_first_day = (month.month, day) == (1, month.starts_on)
    next_year = day if is_first_day else nowruz(month.year + 1)
    return {
        "local_weekday": day.weekday(),
        "iranian_weekend": float(day.weekday() in _IRANIAN_WEEKEND),
        "jalali_month": month.month,
        "days_to_nowruz": (next_year - day).days,
    }


def bind(wanted: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The place of each wanted input. Raises `ValueError` naming the inputs that there are not."""
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise ValueError(f"a policy wants inputs that there are not: {missing}")
    return np.array([places[name] for name in wanted], dtype=np.intp)


class Inputs:
    """One decision's inputs, `(n_inputs,)`; filled as the decision goes on, unknown ones are nan.

    `names` must end with the scores, the moment, the earlier choices, the budget's price and the journey, as `input_names`
    gives them.
    """

    def __init__(self, *, names: tuple[str, ...], features: Floats) -> None:
        self.values = np.empty(len(names))
        self._rest = self.values[len(features) :]
        self.values[: len(features)] = features
        self._rest[:] = _AT_FIRST

    def set_moment(self, local: datetime) -> None:
        """Put what the moment on the customer's clock tells in its places."""
        told = moment_inputs(local)
        self._rest[_MOMENT] = [told[name] for name in MOMENT]

    def set(self, name: str, value: float) -> None:
        """Put the value of a score, the moment, an earlier choice, the budget's price or the journey in its place."""
        self._rest[_AFTER_FEATURES[name]] = value
