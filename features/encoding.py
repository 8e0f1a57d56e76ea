"""What was read of a customer, as the vector that scorers and policies see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.schema import Feature, Schema, View
from features.stored import StoredFeatures, StoredView
from features.wire import FeatureValue

_FLOAT, _NUMBERS, _NAN = {float}, {float, bool, int, type(None)}, float("nan")


class EncodingError(ValueError):
    """A stored value has not the type or length that the schema declares."""


@dataclass(frozen=True, slots=True)
class FeatureVector:
    """The context's customer part.

    `values` is `(n_columns,)` in the order of `Schema.columns`, nan where a null is stored. `strings` holds text features by
    name. `degraded` names the views that defaults stand in for: `"rfm:missing"`, `"funnel:stale"`, `"rfm:incomplete"`.
    """

    values: NDArray[np.float64]
    strings: Mapping[str, str]
    degraded: tuple[str, ...]


def encode(stored: StoredFeatures, *, now: datetime, schema: Schema) -> FeatureVector:
    """The customer's feature vector at `now`.

    A view without a row, or with one older than its freshness limit, is filled with the schema's defaults and named; so is
    a single feature that its view's row lacks (`incomplete`: the store was written before the feature was declared).
    An age, such as the minutes since the last view, is of `now`, not of the moment at which it was stored.
    Raises `EncodingError`.
    """
    if stored.whole is not None:
        views = list(zip(schema.views, schema.firsts, stored.whole.event_ats, strict=True))
        if not any(view.is_stale(event_at, now) for view, _, event_at in views):
            grown = stored.whole.values.copy()
            for view, first, event_at in views:
                _grow(grown, first, view, now - event_at)
            return FeatureVector(grown, stored.whole.texts, ())
    values: list[float] = []
    strings: dict[str, str] = {}
    degraded: list[str] = []
    for view in schema.views:
        row = stored.views.get(view.name)
        problem = view_problem(view, row, now)
        if problem is not None:
            degraded.append(f"{view.name}:{problem}")
        usable = row.values if row is not None and problem != "stale" else {}
        first, numbers = len(values), _numbers(view, usable)
        if numbers is None:
            numbers = _places_of_all(view, usable)
        values.extend(numbers)
        for feature in view.texts:
            value = usable.get(feature.name, feature.default)
            strings[feature.name] = str(feature.default if value is None else value)
        if row is not None:
            _grow(values, first, view, now - row.event_at)
    return FeatureVector(np.array(values, dtype=np.float64), strings, tuple(degraded))


def _numbers(view: View, row: Mapping[str, FeatureValue]) -> Sequence[float] | None:
    """The row's numbers where all that the view declares are there, each list whole: most rows are so."""
    if view.read_numbers is None or not row:
        return None
    try:
        values: Sequence[Any] = view.read_numbers(row)
    except KeyError:
        return None
    flat = values if view.lengths is None else _in_one_list(values, view.lengths)
    if flat is None:
        return None
    kinds = set(map(type, flat))
    if kinds <= _NUMBERS:
        return flat if kinds == _FLOAT else [_NAN if value is None else float(value) for value in flat]
    return None


def _in_one_list(values: Sequence[Any], lengths: Sequence[int]) -> list[Any] | None:
    """The numbers one after another; None where one is no list of its length."""
    flat: list[Any] = []
    for value, length in zip(values, lengths, strict=True):
        if type(value) is tuple and len(value) == length:
            flat.extend(value)
        elif length == 1:
            flat.append(value)
        else:
            return None
    return flat


def _places_of_all(view: View, row: Mapping[str, FeatureValue]) -> list[float]:
    """The places of the row's numbers, defaults for those that it lacks."""
    values: list[float] = []
    for feature in view.numbers:
        values.extend(_places(feature, row.get(feature.name, feature.default)))
    return values


def view_problem(view: View, row: StoredView | None, now: datetime) -> str | None:
    """Why defaults stand in for the view or a part of it: `missing`, `stale`, `incomplete` or None."""
    if row is None:
        return "missing"
    if view.is_stale(row.event_at, now):
        return "stale"
    if not row.values.keys() >= view.feature_names:
        return "incomplete"
    return None


def _grow(values: list[float] | NDArray[np.float64], first: int, view: View, since: timedelta) -> None:
    """Let the ages of the view, which begins at `first`, grow by the time since they were stored, a row being a second ahead
    at times.
    """
    if not view.ages:
        return
    since_s = max(since.total_seconds(), 0.0)
    for place, unit_s in view.ages:
        values[first + place] += since_s / unit_s
    for place, dividend, divisor in view.quotients:
        by = float(values[first + divisor])
        values[first + place] = float(values[first + dividend]) / by if by else float("nan")


def _places(feature: Feature, value: FeatureValue) -> tuple[float, ...]:
    """The feature's places in the vector; one number or a null stands in every place of a list."""
    if isinstance(value, str):
        raise EncodingError(f"feature {feature.name}: stored {value!r}, wanted a {feature.type}")
    if not isinstance(value, tuple):
        return (float("nan") if value is None else float(value),) * feature.length
    if len(value) != feature.length:
        raise EncodingError(f"feature {feature.name}: stored {len(value)} numbers, wanted {feature.length}")
    return value
