"""What the service would know of each customer: feature vectors and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq

from features.encoding import encode
from features.schema import CHANNELS, JOIN_KEY, Schema
from features.stored import StoredFeatures, StoredView
from models.feedback import Booleans, Floats
from models.inputs import SCORES


class AudienceError(ValueError):
    """The customers' features or scores are not there as they should be."""


class Scores(Protocol):
    """Anything that scores feature vectors: a `models.scorer.Scorer`, or a stand-in in a test."""

    def score_many(self, vectors: Floats) -> Floats:
        """Scores `(n_rows,)` of feature vectors `(n_rows, n_columns)`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Customers and what is known of them: `known` `(n_customers, n_names)` of feature columns, then scores."""

    customer_ids: tuple[str, ...]
    names: tuple[str, ...]
    known: Floats

    def columns(self, names: tuple[str, ...]) -> Floats:
        """The named columns, `(n_customers, n)`. Raises `KeyError` for one there is not."""
        places = {name: place for place, name in enumerate(self.names)}
        return self.known[:, [places[name] for name in names]]

    def channels(self) -> Booleans:
        """Which channels each customer may be written to on and can be reached on, `(n_customers, n_channels)`."""
        consent = self.columns(tuple(f"consent_{channel}" for channel in CHANNELS))
        reachable = self.columns(tuple(f"reachable_{channel}" for channel in CHANNELS))
        listed = self.columns(("sms_blacklisted",)) == 1
        closed = listed & np.array([channel == "sms" for channel in CHANNELS])
        return np.asarray((consent == 1) & (reachable == 1) & ~closed)


def read_audience(
    snapshots: Path, schema: Schema, scorers: Mapping[str, Scores], *, as_of: datetime
) -> Audience:
    """Every customer of the snapshot at `as_of`, in ascending order of their ids, encoded as the service encodes them.

    `scorers` holds one scorer for each of `models.inputs.SCORES`. Raises `AudienceError` when one is missing, or when the
    snapshot holds nobody.
    """
    missing = [name for name in SCORES if name not in scorers]
    if missing:
        raise AudienceError(
            f"no scorer {missing}; there are {sorted(scorers)}: run `python -m training fit scorers`"
        )
    stored = _read_snapshot(snapshots, schema, as_of)
    if not stored:
        raise AudienceError(f"{snapshots} holds no customer at {as_of.isoformat()}; build the features first")
    ids = tuple(sorted(stored))
    rows = [encode(StoredFeatures(each, stored[each]), now=as_of, schema=schema).values for each in ids]
    vectors = np.array(rows)
    scores = [scorers[name].score_many(vectors) for name in SCORES]
    return Audience(
        customer_ids=ids, names=(*schema.columns, *SCORES), known=np.column_stack([vectors, *scores])
    )


def _read_snapshot(snapshots: Path, schema: Schema, as_of: datetime) -> dict[str, dict[str, StoredView]]:
    stored: dict[str, dict[str, StoredView]] = {}
    for view in schema.views:
        names = [feature.name for feature in view.features]
        path, at = snapshots / f"{view.name}.parquet", [("event_timestamp", "=", as_of)]
        for row in pq.read_table(path, columns=[JOIN_KEY, *names], filters=at).to_pylist():
            values = {name: tuple(row[name]) if isinstance(row[name], list) else row[name] for name in names}
            stored.setdefault(row[JOIN_KEY], {})[view.name] = StoredView(as_of, values)
    return stored
