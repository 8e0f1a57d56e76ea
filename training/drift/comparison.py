"""What champions were trained on, compared with what the decisions of a log saw."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from features.schema import Schema, load_schema
from models.inputs import SCORES
from training.champion import NoChampionError, read_champion
from training.drift.distribution import NoDistributionError
from training.drift.finding import degraded_shares, input_findings, journey_findings, time_findings
from training.drift.labels import LabelledScores, OrderTimes, labelled_scores
from training.drift.monitored import Monitored, MonitoredModel
from training.drift.report import DriftReport, degraded_text
from training.drift.row_age import ASKED, RowAge, open_rows, row_ages
from training.drift.watching import SAMPLED, Watched, watch
from training.evaluation.errors import LogError
from training.evaluation.log_name import DATABASE, EXPORT, DecisionLogName
from training.importing.dataset import dataset_folder
from training.places import Places
from training.policies import DECISIONS

MODELS: Final = (*SCORES, *DECISIONS)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What to compare: models by name (empty: all that say what they were trained on), the log, and since when.

    log: empty or `decisions` for the database, `parquet:DIR` for an export of it. orders: a data set that says who ordered
    after the decisions (empty: none). rows_at: how old the online store's rows are at that moment (None: is not asked).
    seed: of the samples.
    """

    models: tuple[str, ...] = ()
    log: str = DATABASE
    since: datetime | None = None
    database_url: str = ""
    rows_at: datetime | None = None
    orders: str = ""
    seed: int = 0


def compare(asked: Comparison, places: Places) -> DriftReport:
    """The report.

    Raises: `NoChampionError`, `NoDistributionError`, `LogError`, `TooFewRoundsError`, `DatasetError`, `OnlineStoreError`.
    """
    monitored, notes = monitored_champions(places, asked.models, load_schema())
    labelled = _labelled(asked, monitored, places)
    with _named(asked.log).open(asked.database_url or places.log_url) as source:
        watched = watch(source.vectors(asked.since), monitored, np.random.default_rng(asked.seed), labelled)
    found = tuple(each.finding for each in labelled if each.finding is not None)
    if asked.orders and not found:
        notes = (*notes, f"no calibration: no decision's horizon lies in the orders of {asked.orders}")
    ages = () if asked.rows_at is None else _ages(watched, places, monitored.schema, asked.rows_at)
    return replace(_report(asked, monitored, watched, notes), calibrations=found, ages=ages)


def monitored_champions(
    places: Places, names: Collection[str], schema: Schema
) -> tuple[Monitored, tuple[str, ...]]:
    """The champions of these names and what is to be told of them; without names, those there are that carry distributions.

    Raises: `NoChampionError`, `NoDistributionError` for one that was asked for by name, the latter also when nothing is left
    to compare.
    """
    found, notes = [], []
    for name in names or MODELS:
        try:
            found.append(MonitoredModel.of(name, read_champion(places.registry_uri, name)))
        except (NoChampionError, NoDistributionError) as error:
            if names:
                raise
            notes.append(f"left out: {error}")
    monitored = Monitored(models=tuple(found), schema=schema)
    if not monitored.inputs:
        told = "; ".join(notes) or f"{', '.join(names)} read nothing that a feature vector holds"
        raise NoDistributionError(told)
    for model in found:
        known = {each.name for each in monitored.inputs if each.model is model}
        if unknown := [name for name in model.trained.names if name not in known]:
            notes.append(f"{model.name} reads what no feature vector holds: {', '.join(unknown)}")
    return monitored, tuple(notes)


def _labelled(asked: Comparison, monitored: Monitored, places: Places) -> list[LabelledScores]:
    if not asked.orders:
        return []
    return labelled_scores(monitored, OrderTimes.read(dataset_folder(places.var, asked.orders)))


def _ages(watched: Watched, places: Places, schema: Schema, now: datetime) -> tuple[RowAge, ...]:
    customers = np.unique(watched.sample.columns[1][:ASKED].astype(str)).tolist()
    with open_rows(places, schema) as rows:
        return row_ages(rows, customers, now, schema)


def _named(log: str) -> DecisionLogName:
    kind, _, folder = (log or DATABASE).partition(":")
    if (kind, bool(folder)) not in ((DATABASE, False), (EXPORT, True)):
        raise LogError(f"no log {log!r}; wanted {DATABASE} or {EXPORT}:DIR")
    return DecisionLogName(decision="", journey=None, folder=Path(folder) if folder else None)


def _report(asked: Comparison, monitored: Monitored, watched: Watched, notes: tuple[str, ...]) -> DriftReport:
    total = watched.total
    return DriftReport(
        log=asked.log,
        since=asked.since.isoformat() if asked.since else "",
        first_at=watched.first_at,
        last_at=watched.last_at,
        n_decisions=total.n_decisions,
        n_customers=total.n_customers,
        left_out=dict(watched.left_out),
        models={each.name: _told(each) for each in monitored.models},
        inputs=tuple(input_findings(monitored, watched)),
        journeys=tuple(journey_findings(monitored, watched)),
        times=tuple(time_findings(monitored, watched)),
        degraded=degraded_shares(total),
        notes=(*notes, *_notes(monitored, watched)),
    )


def _told(model: MonitoredModel) -> dict[str, str | int]:
    trained = model.trained
    return {"digest": model.digest, "n_rows": trained.n_rows, "n_customers": trained.n_customers}


def _notes(monitored: Monitored, watched: Watched) -> Iterator[str]:
    total = watched.total
    if watched.left_out:
        counts = ", ".join(f"{n:,} {reason}" for reason, n in watched.left_out.items())
        yield f"decisions left out: {counts}"
    if total.degraded:
        yield f"decisions with defaults in place of features: {degraded_text(degraded_shares(total))}"
    for place, each in enumerate(monitored.inputs):
        others = total.n_decisions - int(total.counts[place].sum())
        if others:
            yield f"{others:,} decisions were scored by other versions of {each.name}: not counted for its scores"
    if total.n_decisions > SAMPLED:
        yield f"quantiles of the log are those of {SAMPLED:,} decisions drawn from it"
