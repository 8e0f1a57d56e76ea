"""A decision log of any length whose decisions saw what champions were trained on:
`python -m tests.training.drift.generated_vectors VAR FILE.db N_DECISIONS`.

Not what the service would have written, only what is read of it: tables and columns of the contract between the two.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.drift.distribution import N_BINS
from training.drift.monitored import Monitored

TABLES = """
create table decisions (decision_id text primary key, customer_id text, journey text, decided_at integer, record blob);
"""
BATCH = 5_000


def drawn_columns(models: Monitored, rng: np.random.Generator, n: int) -> np.ndarray:
    """Values by column, `(n, n_columns)`: of each bin its upper edge, bins as often as in training; 0 of unknown columns."""
    values = np.zeros((n, len(models.columns)))
    for each in models.inputs:
        trained, place = each.model.trained, each.of_model
        counts = trained.counts[place]
        held = np.append(trained.edges[place], [np.inf, np.nan])
        held[trained.n_bins[place] - 1] = trained.quantiles[place, -1]
        values[:, each.of_values] = held[rng.choice(N_BINS + 1, size=n, p=counts / counts.sum())]
    return values


def write_vectors(
    file: Path, models: Monitored, n: int, *, moved: Mapping[str, float] | None = None, seed: int = 0
) -> None:
    """n decisions of as many customers; the columns `moved` are multiplied."""
    rng = np.random.default_rng(seed)
    width = len(models.schema.columns)
    versions = {"features": models.schema_version} | {each.name: each.digest for each in models.models}
    with sqlite3.connect(file) as connection:
        connection.executescript(TABLES)
        for start in range(0, n, BATCH):
            values = drawn_columns(models, rng, min(BATCH, n - start))
            for name, factor in (moved or {}).items():
                values[:, models.columns.index(name)] *= factor
            scores = [
                dict(zip(models.columns[width:], row, strict=True)) for row in values[:, width:].tolist()
            ]
            connection.executemany(
                "insert into decisions values (?, ?, 'wheel', ?, ?)",
                [
                    (
                        f"{start + place:012d}",
                        f"c{start + place}",
                        1_700_000_000_000_000 + (start + place) * 1_000_000,
                        json.dumps(
                            {
                                "features": base64.b64encode(row[:width].astype("<f8").tobytes()).decode(),
                                "answer": json.dumps({"scores": scores[place]}),
                                "degraded": ["coupons:stale"] if place % 10 == 0 else [],
                                "versions": versions,
                            }
                        ).encode(),
                    )
                    for place, row in enumerate(values)
                ],
            )


if __name__ == "__main__":
    from features.schema import load_schema
    from training.drift.comparison import monitored_champions
    from training.places import Places

    known, _ = monitored_champions(Places(var=Path(sys.argv[1])), (), load_schema())
    write_vectors(Path(sys.argv[2]), known, int(sys.argv[3]))
