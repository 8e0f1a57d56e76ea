"""Complements fitted on a data set, judged on its last two months, and registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from models.complements import Complements
from training.code_version import git_commit, source_digest
from training.complements.association import KEPT, LEAST_BASKETS, LEAST_TOGETHER, count_pairs, keep_strongest
from training.complements.baskets import Baskets, read_baskets
from training.complements.judge import (
    ASSOCIATION,
    LATELY_DAYS,
    PERIOD_DAYS,
    Verdict,
    judge,
    periods,
    set_stage,
)
from training.importing.dataset import DatasetManifest, dataset_folder, read_manifest
from training.places import Places
from training.registry import CHALLENGER, CHAMPION, Placing, RunRecord, open_registry

NAME: Final = "complements"
N_CARTS: Final = 4_000
"""How many carts they are judged on; the comparison of all contenders takes twice as many."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """The complements of all baskets, and how the same formula did on the last 61 days without having seen them."""

    complements: Complements
    verdict: Verdict

    def describe(self) -> str:
        """What they are and how good they are, in two lines."""
        ours, theirs, (value, low, high) = (
            self.verdict.complements,
            self.verdict.popularity,
            self.verdict.difference,
        )
        about = self.complements.about
        return (
            f"{len(self.complements.others):,} complements of {len(self.complements.product_ids):,} products, from "
            f"{about['n_baskets']:,} baskets until {about['fitted_until']:.10}\n"
            f"hit rate@10 on {ours.n_carts:,} carts of the last {PERIOD_DAYS} days: {ours.value:.2%} "
            f"({ours.low:.2%} to {ours.high:.2%}), popularity {theirs.value:.2%}; "
            f"{value:+.2%} ({low:+.2%} to {high:+.2%})"
        )


def fit_complements(places: Places, dataset: str, not_offered: Sequence[str]) -> Fitted:
    """The complements of a data set. Raises: `DatasetError`, `TooFewCartsError`."""
    folder = dataset_folder(places.var, dataset)
    manifest = read_manifest(folder)
    baskets = read_baskets(folder, not_offered=not_offered)
    verdict = judge(set_stage(baskets, periods(baskets)["test"], n_carts=N_CARTS))
    about = _about(manifest, baskets, verdict) | {"not_offered": sorted(not_offered)}
    return Fitted(
        complements=keep_strongest(count_pairs(baskets), ASSOCIATION, baskets.product_ids, about),
        verdict=verdict,
    )


def publish_complements(places: Places, fitted: Fitted) -> Placing:
    """Where the complements stand in the registry now: champion if they beat popularity, challenger if they do not."""
    registry, artifact = open_registry(places), fitted.complements.to_artifact()
    alias = CHAMPION if fitted.verdict.beats_popularity else CHALLENGER
    placing = registry.place(NAME, artifact.digest, alias)
    if placing.known:
        return placing
    with registry.run(f"fit {NAME}") as run_id:
        registry.log(run_id, _record(fitted))
        version = registry.register(artifact, NAME, run_id, about=fitted.describe(), alias=placing.alias)
    return replace(placing, version=version)


def _about(manifest: DatasetManifest, baskets: Baskets, verdict: Verdict) -> dict[str, Any]:
    last = datetime.fromtimestamp(int(baskets.ordered_s[-1]), UTC)
    return {
        "dataset": manifest.name,
        "data_fingerprint": manifest.fingerprint,
        "fitted_until": last.isoformat(),
        "lately_days": LATELY_DAYS,
        "least_baskets": LEAST_BASKETS,
        "least_together": LEAST_TOGETHER,
        "kept": KEPT,
        "association": asdict(ASSOCIATION),
        "judged": {**asdict(verdict), "days": PERIOD_DAYS},
    }


def _record(fitted: Fitted) -> RunRecord:
    about, verdict = fitted.complements.about, fitted.verdict
    value, low, high = verdict.difference
    told = ("dataset", "fitted_until", "lately_days", "least_baskets", "least_together", "kept", "n_baskets")
    return RunRecord(
        parameters={name: about[name] for name in told} | asdict(ASSOCIATION),
        metrics={
            "hit_rate_at_10": verdict.complements.value,
            "hit_rate_at_10_of_popularity": verdict.popularity.value,
            "difference": value,
            "difference_low": low,
            "difference_high": high,
            "products": float(len(fitted.complements.product_ids)),
        },
        tags={
            "data_fingerprint": about["data_fingerprint"],
            "git_commit": git_commit(),
            "source_digest": source_digest(),
        },
        files={"complements_card.md": fitted.describe() + "\n"},
    )
