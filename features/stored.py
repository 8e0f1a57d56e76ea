"""What the online store holds of one customer, whatever the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from features.wire import FeatureValue


@dataclass(frozen=True, slots=True)
class StoredView:
    """One view's row: the time it speaks of and its values by feature name, None where a null is stored."""

    event_at: datetime
    values: Mapping[str, FeatureValue]


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """The customer's rows by view name; a view without a row is absent, which is not the same as a row of nulls."""

    customer_id: str
    views: Mapping[str, StoredView]
