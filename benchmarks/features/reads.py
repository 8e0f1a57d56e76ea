"""One customer's features from the online store: our reader against Feast's `get_online_features`, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from benchmarks.features.base import customer_id
from features.online import FeastFeatureReader
from features.schema import FEATURE_SERVICE, JOIN_KEY, load_schema
from features.stored import StoredFeatures

if TYPE_CHECKING:
    from feast import FeatureStore

ROUNDS = 7


class Reader(Protocol):
    """Ours, of any store."""

    def read(self, customer_id: str) -> StoredFeatures:
        """The customer's rows."""


@dataclass(frozen=True)
class Reads:
    """Medians of the rounds: microseconds a read, processor time of this process and waited."""

    ours_processor: float
    ours_waited: float
    feast_processor: float
    feast_waited: float
    ratio: float
    """Feast's processor time by ours, the median of the rounds' ratios."""
    same: float
    """The share of customers of whom both read the same."""


def measure_reads(reader: Reader, store: FeatureStore, customers: int, *, calls: int) -> Reads:
    """Both read the same customers, drawn at random, a round of each in turn, after one to warm up."""
    rng = np.random.default_rng(1)
    service = store.get_feature_service(FEATURE_SERVICE)

    def by_feast(name: str) -> object:
        return store.get_online_features(features=service, entity_rows=[{JOIN_KEY: name}])

    rounds: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for _ in range(ROUNDS + 1):
        names = [customer_id(number) for number in rng.integers(0, customers, calls)]
        rounds.append((_timed(reader.read, names), _timed(by_feast, names[: max(calls // 5, 1)])))
    ours, feast = zip(*rounds[1:], strict=True)
    reference = FeastFeatureReader(store=store, schema=load_schema())
    same = [reader.read(name) == reference.read(name) for name in names[:100]]
    return Reads(
        *(statistics.median(column) for column in zip(*ours, strict=True)),
        *(statistics.median(column) for column in zip(*feast, strict=True)),
        ratio=statistics.median(f[0] / o[0] for o, f in zip(ours, feast, strict=True)),
        same=sum(same) / len(same),
    )


def _timed(read: Callable[[str], object], names: list[str]) -> tuple[float, float]:
    """Microseconds a call: processor time, and waited."""
    processor, waited = time.process_time(), time.perf_counter()
    for name in names:
        read(name)
    each = 1e6 / len(names)
    return (time.process_time() - processor) * each, (time.perf_counter() - waited) * each
