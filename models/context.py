"""Raw inputs to a scaled design vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.feedback import Floats

LIMIT = 5.0
_LOWEST, _HIGHEST = np.array(-LIMIT), np.array(LIMIT)  # as arrays, which numpy need not convert


def cut(values: Floats) -> Floats:
    """The values themselves, cut to ±`LIMIT`; nan stays."""
    np.minimum(values, _HIGHEST, out=values)
    np.maximum(values, _LOWEST, out=values)
    return values


@dataclass(frozen=True)
class Standardizer:
    """Centre and scale of each input, `(n_inputs,)`, as measured on the data a policy was first fitted on.

    Raises `ValueError` where they are none: an input without a centre would pass for one that nobody knows.
    """

    center: Floats
    scale: Floats

    def __post_init__(self) -> None:
        if not np.isfinite(self.center).all():
            raise ValueError(f"found the centres {self.center.tolist()}; wanted finite numbers")
        if not (np.isfinite(self.scale) & (self.scale > 0)).all():
            raise ValueError(f"found the scales {self.scale.tolist()}; wanted finite numbers above 0")

    @classmethod
    def fit(cls, contexts: Floats) -> Standardizer:
        """Mean and standard deviation of the known values of each column of `(n_rounds, n_inputs)`; 0 and 1 where none."""
        known = np.isfinite(contexts)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, contexts, 0.0)
        center = filled.sum(axis=0) / count
        variance = (np.where(known, contexts - center, 0.0) ** 2).sum(axis=0) / count
        return cls(center, np.where(variance > 1e-12, np.sqrt(variance), 1.0))

    def design(self, contexts: Floats) -> Floats:
        """A leading 1, then (input - center) / scale cut to ±5, an unknown input at its centre: `(..., n_inputs + 1)`."""
        design = np.empty((*contexts.shape[:-1], contexts.shape[-1] + 1))
        design[..., 0] = 1.0
        scaled = design[..., 1:]
        np.subtract(contexts, self.center, out=scaled)
        np.divide(scaled, self.scale, out=scaled)
        cut(scaled)
        if math.isnan(np.vdot(scaled, scaled)):
            scaled[np.isnan(scaled)] = 0.0
        return design
