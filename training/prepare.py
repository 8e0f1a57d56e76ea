"""Everything that serving needs, from the raw data on: the steps of `make run`, each done once.

A step's key is a digest of the code, the place outside the folder that it writes to and the keys of the steps before it. A
step whose key stands in `<var>/prepared.json` is finished and not repeated; the online store is written anew after a week,
before its rows are stale.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from training.places import Places
from training.registry import Placing

DATASET: Final = "complete-journey"
TEST_AS_OF: Final = datetime(2017, 11, 1, tzinfo=UTC)
SERVED_FOR: Final = timedelta(days=7)
STAMPS: Final = "prepared.json"
EXAMPLE: Final = "example_customer"


@dataclass(frozen=True)
class Step:
    """One finished-or-not piece of the preparation; `run` says in a line what it made."""

    name: str
    run: Callable[[Places], str]
    outside: Callable[[Places], str] = lambda _places: ""
    """What tells the place outside the folder that it writes to from others; another place makes it unfinished."""
    keeps: timedelta | None = None
    """How long its result is good for; None for ever."""


@dataclass(frozen=True)
class Progress:
    """A step about to run, or not: `summary` is None before it runs."""

    step: Step
    number: int
    of: int
    repeated: bool
    summary: str | None = None


def prepare(places: Places, *, code: str, now: datetime) -> Iterator[Progress]:
    """Runs the unfinished steps in order and tells of each before and after it ran; of a finished one, once.

    `code` is the digest of the sources: another one repeats every step.
    """
    stamps = _read_stamps(places.var)
    key = hashlib.sha256(code.encode()).hexdigest()
    for number, step in enumerate(STEPS, start=1):
        key = hashlib.sha256(f"{key}\0{step.name}\0{step.outside(places)}".encode()).hexdigest()
        stamp = stamps.get(step.name)
        if stamp is not None and stamp["key"] == key and _is_good(step, stamp, now):
            yield Progress(step, number, len(STEPS), repeated=False, summary=stamp["summary"])
            continue
        yield Progress(step, number, len(STEPS), repeated=True)
        summary = step.run(places)
        stamps[step.name] = {"key": key, "summary": summary, "finished_at": now.isoformat()}
        _write_stamps(places.var, stamps)
        yield Progress(step, number, len(STEPS), repeated=True, summary=summary)


def _is_good(step: Step, stamp: dict[str, str], now: datetime) -> bool:
    return step.keeps is None or now - datetime.fromisoformat(stamp["finished_at"]) < step.keeps


def _read_stamps(var: Path) -> dict[str, dict[str, str]]:
    path = var / STAMPS
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_stamps(var: Path, stamps: dict[str, dict[str, str]]) -> None:
    partial = var / f"{STAMPS}.partial"
    partial.write_text(json.dumps(stamps, indent=1))
    os.replace(partial, var / STAMPS)


def import_data(places: Places) -> str:
    """Imports the Complete Journey."""
    from training.importing.complete_journey import import_complete_journey

    manifest, _ = import_complete_journey(places.var)
    return f"{manifest.tables['customers']:,} customers, {manifest.tables['orders']:,} orders, to {manifest.ends_at:.10}"


def simulate_messages(places: Places) -> str:
    """Adds the messages that the data lack, marked as simulated."""
    from training.importing.dataset import dataset_folder
    from training.simulation.history import write_history

    manifest = write_history(dataset_folder(places.var, DATASET), seed=0)
    return f"{manifest.tables['events']:,} simulated message events"


def build_features(places: Places) -> str:
    """Computes every customer's features at the data's end and registers the views with Feast."""
    from features.offline import build_snapshots, data_end
    from training.feature_store import open_served_store, register_views
    from training.importing.dataset import dataset_folder

    folder = dataset_folder(places.var, DATASET)
    rows = build_snapshots(folder, [data_end(folder)], places.snapshots)
    views = register_views(open_served_store(places), places.snapshots).views
    return (
        f"{sum(map(len, views.values()))} features of {max(rows.values()):,} customers in {len(views)} views"
    )


def fit_scorers(places: Places) -> str:
    """Fits, judges and registers the scorers."""
    from training.scorers.publish import publish_scorers
    from training.scorers.run import fit_scorers
    from training.scorers.spec import scorer_specs

    runs = fit_scorers(places.var, DATASET, scorer_specs(), test_as_of=TEST_AS_OF)
    placings = dict(publish_scorers(places, runs))
    told = [f"{run.spec.name} {_headline(run.verdict.metrics)}" for run in runs]
    return ", ".join(told) + kept_champions(placings)


def _headline(metrics: dict[str, float]) -> str:
    return f"AUC {metrics['auc']:.3f}" if "auc" in metrics else f"rank correlation {metrics['spearman']:.3f}"


def start_policies(places: Places) -> str:
    """Warm-starts the policies on simulated feedback and registers them."""
    from training.publish import publish_warm_starts

    placings = {started.name: placing for started, placing in publish_warm_starts(places, DATASET, seed=0)}
    return ", ".join(placings) + ", warm-started on simulated rounds" + kept_champions(placings)


def kept_champions(placings: Mapping[str, Placing]) -> str:
    """What stays champion because it was promoted, in words; nothing as a rule."""
    kept = [f"{name} ({placing})" for name, placing in placings.items() if placing.kept]
    return f"; not champion: {', '.join(kept)}" if kept else ""


def find_complements(places: Places) -> str:
    """Finds what is bought together, judges it on the last two months and registers it."""
    from training.complements.baskets import NOT_OFFERED
    from training.complements.publish import NAME, fit_complements, publish_complements

    fitted = fit_complements(places, DATASET, NOT_OFFERED[DATASET])
    placing = publish_complements(places, fitted)
    found = fitted.verdict
    return (
        f"{len(fitted.complements.product_ids):,} products, hit rate@10 {found.complements.value:.1%}, "
        f"popularity {found.popularity.value:.1%}" + kept_champions({NAME: placing})
    )


def fill_online_store(places: Places) -> str:
    """Writes the newest snapshot into the online store as if the data ended now, and names an example customer."""
    from features.bulk import latest_as_of
    from training.online_store import fill_online_store

    as_of = latest_as_of(places.snapshots)
    written = fill_online_store(places, as_of=as_of, served_at=datetime.now(UTC))
    (places.var / EXAMPLE).write_text(example_customer(places.snapshots) + "\n")
    return f"{max(written.values()):,} customers as of {as_of:%Y-%m-%d}, served as if that were today"


def example_customer(snapshots: Path) -> str:
    """Whoever ordered most often in the last 28 days among those who can be reached on every channel."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from features.schema import CHANNELS

    profile = pq.read_table(snapshots / "profile.parquet")
    for channel in CHANNELS[:3]:
        both = pc.and_(profile[f"consent_{channel}"], profile[f"reachable_{channel}"])
        profile = profile.filter(both)
    profile = profile.filter(pc.invert(profile["sms_blacklisted"]))
    rfm = pq.read_table(snapshots / "rfm.parquet", columns=["customer_id", "orders_28d"])
    rfm = rfm.filter(pc.is_in(rfm["customer_id"], value_set=profile["customer_id"].combine_chunks()))
    best = rfm.sort_by([("orders_28d", "descending"), ("customer_id", "ascending")])
    return str(best["customer_id"][0].as_py())


STEPS: Final = (
    Step("import purchases", import_data),
    Step("simulate messages", simulate_messages),
    Step("build features", build_features, Places.feature_store_digest),
    Step("fit scorers", fit_scorers, lambda places: places.tracking_uri),
    Step("start policies", start_policies, lambda places: places.tracking_uri),
    Step("find complements", find_complements, lambda places: places.tracking_uri),
    Step("fill online store", fill_online_store, Places.feature_store_digest, keeps=SERVED_FOR),
)
