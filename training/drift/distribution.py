"""How each input of a model was distributed where the model was trained: small arrays that its artifact carries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact, ArtifactError
from models.feedback import Floats, Integers

N_BINS: Final = 10
QUANTILES: Final = (0.1, 0.5, 0.9)
KEY: Final = "training_distribution"
"""In a manifest; the arrays of the same artifact have names that start with it."""

_CHUNK: Final = 10_000


class NoDistributionError(ArtifactError):
    """An artifact that does not say what it was trained on: one of an earlier release, or of another kind."""


@dataclass(frozen=True, kw_only=True)
class InputDistributions:
    """Inputs by name over the rows of training, `(n_inputs, ...)` each.

    edges `(n_inputs, N_BINS - 1)`: upper edges of all bins but the last, ascending, inf where there are fewer. counts
    `(n_inputs, N_BINS + 1)`: rows by bin, then those where it is missing. means, and quantiles `(n_inputs, 5)`: smallest,
    `QUANTILES`, largest; nan where it is always missing. n_customers: whom the rows speak of, several of them the same.
    """

    names: tuple[str, ...]
    n_customers: int
    edges: Floats
    counts: Integers
    means: Floats
    quantiles: Floats

    @classmethod
    def of(cls, names: tuple[str, ...], rows: Floats, n_customers: int) -> InputDistributions:
        """The distributions of rows `(n_rows, n_inputs)`, nan where an input is missing.

        Bins lie between the values that part the known rows into tenths; where one value holds several tenths, there are
        fewer bins.
        """
        edges = np.array([_edges(column) for column in rows.T]).reshape(len(names), N_BINS - 1)
        counts = np.zeros((len(names), N_BINS + 1), dtype=np.int64)
        for start in range(0, len(rows), _CHUNK):
            counts += count_bins(bin_places(rows[start : start + _CHUNK], edges))
        return cls(
            names=names,
            n_customers=n_customers,
            edges=edges,
            counts=counts,
            means=np.array([_known(column).mean() if len(_known(column)) else np.nan for column in rows.T]),
            quantiles=np.array([spread(column) for column in rows.T]).reshape(len(names), -1),
        )

    @classmethod
    def read(cls, artifact: Artifact) -> InputDistributions:
        """Those that an artifact carries. Raises: `NoDistributionError` where it carries none."""
        told = artifact.manifest.get(KEY)
        if told is None:
            name = artifact.manifest.get("name", "an artifact")
            raise NoDistributionError(
                f"{name} ({artifact.digest}) does not say what it was trained on: fit and register it again"
            )
        arrays = {field: artifact.arrays[f"{KEY}_{field}"] for field in _ARRAYS}
        return cls(names=tuple(told["names"]), n_customers=told["n_customers"], **arrays)

    def carried_by(self, artifact: Artifact) -> Artifact:
        """The artifact with these beside what it held."""
        told = {"names": list(self.names), "n_customers": self.n_customers}
        arrays = {f"{KEY}_{field}": getattr(self, field) for field in _ARRAYS}
        return replace(
            artifact,
            manifest={**artifact.manifest, KEY: told},
            arrays={**artifact.arrays, **arrays},
        )

    @property
    def n_rows(self) -> int:
        """The number of rows; 0 where there are no inputs to count them by."""
        return int(self.counts.sum(axis=1).max(initial=0))

    @property
    def n_bins(self) -> Integers:
        """How many bins each input has, without the one for missing values, `(n_inputs,)`."""
        return np.asarray(np.isfinite(self.edges).sum(axis=1) + 1)


_ARRAYS: Final = ("edges", "counts", "means", "quantiles")


def bin_places(rows: Floats, edges: Floats) -> NDArray[np.intp]:
    """The bin of each value, `(n_rows, n_inputs)`: the first whose upper edge is not below it; `N_BINS` for nan."""
    places = (rows[..., None] > edges).sum(axis=-1)
    places[np.isnan(rows)] = N_BINS
    return np.asarray(places, dtype=np.intp)


def count_bins(places: NDArray[np.intp], counted: NDArray[np.bool_] | None = None) -> Integers:
    """Rows by input and bin, `(n_inputs, N_BINS + 1)`, of those that are to be counted (None: of all)."""
    n_inputs, width = places.shape[1], N_BINS + 1
    cells = places + np.arange(n_inputs) * width
    chosen = cells.ravel() if counted is None else cells[counted]
    return np.bincount(chosen, minlength=n_inputs * width).reshape(n_inputs, width)


def spread(column: Floats) -> Floats:
    """Smallest, `QUANTILES` and largest of the known values, `(5,)`; nan where none is known."""
    known, shares = _known(column), (0.0, *QUANTILES, 1.0)
    return np.quantile(known, shares) if len(known) else np.full(len(shares), np.nan)


def _known(column: Floats) -> Floats:
    return np.asarray(column[~np.isnan(column)])


def _edges(column: Floats) -> Floats:
    """Values that occur, `(N_BINS - 1,)`; of a constant also the number just below, so that less than it is another bin."""
    edges, known = np.full(N_BINS - 1, np.inf), _known(column)
    if len(known):
        found = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS, method="inverted_cdf"))
        if known.min() == known.max():
            found = np.array([np.nextafter(known[0], -np.inf), known[0]])
        edges[: len(found)] = found
    return edges
