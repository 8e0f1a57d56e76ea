"""What the online store holds of one customer, whatever the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.wire import FeatureValue


@dataclass(frozen=True, slots=True)
class StoredView:
    """One view's row: the time it speaks of and its values by feature name, None where a null is stored."""

    event_at: datetime
    values: Mapping[str, FeatureValue]


class Whole(NamedTuple):
    """All that a schema declares, as stored: the vector `(n_columns,)`, nan where a null is stored, texts by feature name,
    and the time that each view speaks of, in the schema's order.
    """

    values: NDArray[np.float64]
    texts: Mapping[str, str]
    event_ats: tuple[datetime, ...]


class StoredFeatures:
    """The customer's rows by view name; a view without a row is absent, which is not the same as a row of nulls.

    `whole` is the same in another form where the store has everything in its declared type, and its reader could tell;
    `views` are then made when somebody asks for them.
    """

    __slots__ = ("_views", "customer_id", "whole")

    def __init__(
        self,
        customer_id: str,
        views: Mapping[str, StoredView] | Callable[[], Mapping[str, StoredView]],
        whole: Whole | None = None,
    ) -> None:
        self.customer_id = customer_id
        self._views = views
        self.whole = whole

    @property
    def views(self) -> Mapping[str, StoredView]:
        """The rows."""
        if callable(self._views):
            self._views = self._views()
        return self._views

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredFeatures):
            return NotImplemented
        return (self.customer_id, self.views) == (other.customer_id, other.views)

    def __repr__(self) -> str:
        return f"StoredFeatures({self.customer_id!r}, {self.views!r})"
