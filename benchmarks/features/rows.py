"""One customer's row of one view into the online store: ours against Feast's `write_to_online_store`, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from benchmarks.features.base import customer_id
from benchmarks.features.settings import AS_OF
from features.online import FeastFeatureReader
from features.schema import JOIN_KEY, View, load_schema

if TYPE_CHECKING:
    from feast import FeatureStore

ROUNDS = 5
_CALLS, _FEASTS_CALLS = 200, 20


class Writer(Protocol):
    """Ours, into any store."""

    def write(self, customer_id: str, view: View, values: dict[str, float], event_at: datetime) -> bool:
        """Whether the row is stored."""


@dataclass(frozen=True)
class Rows:
    """Milliseconds a row waited for, medians of the rounds; the share of ours that Feast reads as they were written."""

    ours_ms: float
    feast_ms: float
    ratio: float
    same: float


def measure_rows(writer: Writer, store: FeatureStore) -> Rows:
    """Each round writes rows of new moments, ours and then Feast's; Feast drops one of the stored moment on Redis."""
    view = load_schema().view("funnel")
    rng = np.random.default_rng(2)
    values = {name: float(rng.random()) for name in sorted(view.feature_names)}
    moments = iter(AS_OF + timedelta(seconds=number) for number in range(1, 1_000_000))

    def ours(number: int) -> None:
        writer.write(customer_id(number), view, values, next(moments))

    def feasts(number: int) -> None:
        at = pd.Timestamp(next(moments))
        row = {JOIN_KEY: customer_id(number), "event_timestamp": at, "created_timestamp": at, **values}
        store.write_to_online_store(view.name, df=pd.DataFrame([row]))

    feasts(0)
    rounds = [(_timed(ours, _CALLS), _timed(feasts, _FEASTS_CALLS)) for _ in range(ROUNDS)]
    reader = FeastFeatureReader(store=store, schema=load_schema())
    written = range(_FEASTS_CALLS, _FEASTS_CALLS + 50)
    same = [reader.read(customer_id(number)).views[view.name].values == values for number in written]
    our_ms, feast_ms = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(feast / own for own, feast in rounds)
    return Rows(our_ms, feast_ms, ratio, sum(same) / len(same))


def _timed(write: Callable[[int], None], calls: int) -> float:
    """Milliseconds a call."""
    began = time.perf_counter()
    for number in range(calls):
        write(number)
    return (time.perf_counter() - began) * 1e3 / calls
