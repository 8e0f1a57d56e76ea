"""What the online store was filled from, written down beside it: who computes single rows goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.bulk import MANIFEST
from features.online import OnlineStoreError
from features.population import POPULATION_FILE, SHARES, TERMS, TIME

FILE: Final = "filled.json"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The data set (its folder's name; None: not one of ours), the time it was read as of and the one it is served at.

    population: the terms of `features.population` at `as_of`. received_until: the moment up to which the data set has what
    the log received; None where it has nothing of the log.
    """

    dataset: str | None
    as_of: datetime
    served_at: datetime
    population: Mapping[str, float | None]
    received_until: datetime | None

    @property
    def shift(self) -> timedelta:
        """How much later the data are served than they are, in whole seconds as rows are stored."""
        return self.ends_at - self.as_of

    @property
    def ends_at(self) -> datetime:
        """When the data end, as they are served."""
        return self.served_at.replace(microsecond=0)


NOBODY: Final[Mapping[str, float | None]] = {
    **dict.fromkeys(TERMS, None),
    **dict.fromkeys(SHARES, 1 / len(SHARES)),
}
"""The terms where there is no population yet: no rate, an even curve."""


def describe_filling(snapshots: Path, *, as_of: datetime, served_at: datetime) -> Filled:
    """What a store holds that was filled with the snapshot at `as_of`. Raises `OnlineStoreError` where parts are missing."""
    path = snapshots / MANIFEST
    if not path.is_file():
        raise OnlineStoreError(f"{snapshots} has no {MANIFEST}; run `python -m training features` first")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    until = manifest.get("received_until")
    return Filled(
        dataset=manifest["dataset"],
        as_of=as_of,
        served_at=served_at,
        population=_population(snapshots / POPULATION_FILE, as_of),
        received_until=datetime.fromisoformat(until) if until else None,
    )


def write_filled(folder: Path, filled: Filled) -> None:
    """Replace the note in the folder whole."""
    times = {name: getattr(filled, name).isoformat() for name in ("as_of", "served_at")}
    until = filled.received_until.isoformat() if filled.received_until else None
    said = {
        "dataset": filled.dataset,
        **times,
        "received_until": until,
        "population": dict(filled.population),
    }
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{FILE}.partial"
    partial.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / FILE)


def read_filled(folder: Path) -> Filled | None:
    """The note in the folder, None where there is none. Raises `OnlineStoreError` for one that cannot be read."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        until = said["received_until"]
        return Filled(
            dataset=said["dataset"],
            as_of=datetime.fromisoformat(said["as_of"]),
            served_at=datetime.fromisoformat(said["served_at"]),
            population={term: said["population"][term] for term in TERMS},
            received_until=datetime.fromisoformat(until) if until else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise OnlineStoreError(f"{path} is not what filling the online store writes: {error}") from error


def _population(path: Path, as_of: datetime) -> dict[str, float | None]:
    if not path.is_file():
        raise OnlineStoreError(f"{path} is missing; build the snapshots again")
    rows = pq.read_table(path)
    found = rows.filter(pc.equal(rows[TIME], as_of)).select(list(TERMS)).to_pylist()
    return found[0] if found else dict(NOBODY)
