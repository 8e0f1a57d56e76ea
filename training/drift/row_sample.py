"""A sample of rows that stream by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.feedback import Floats


@dataclass
class RowSample:
    """At most `size` rows drawn from all that were offered, each as likely as any other, however they came in parts."""

    size: int
    rng: np.random.Generator
    _keys: Floats = field(default_factory=lambda: np.empty(0))
    _columns: tuple[NDArray[Any], ...] = ()

    def offer(self, *columns: NDArray[Any]) -> None:
        """Rows as columns of the same length, kept by the smallest of random keys."""
        keys = np.concatenate([self._keys, self.rng.random(len(columns[0]))])
        if self._columns:
            columns = tuple(map(np.concatenate, zip(self._columns, columns, strict=True)))
        kept = np.arange(len(keys))
        if len(keys) > self.size:
            kept = np.argpartition(keys, self.size)[: self.size]
        self._keys, self._columns = keys[kept], tuple(column[kept] for column in columns)

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """The drawn rows in the order of their keys, so that the same rows come out the same."""
        order = np.argsort(self._keys)
        return tuple(column[order] for column in self._columns)
