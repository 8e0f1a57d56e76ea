"""How the service is: what the log tells of learner and refresher, this worker's parts and models, and what it has done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.samples import Sample
from sqlalchemy import select

from service.access.audit import AuditEntry, read_acts
from service.errors import NotReadyError
from service.state import State
from service.store.engine import moment
from service.store.stale_features import Backlog, read_backlog
from service.store.tables import snapshots


@dataclass(frozen=True)
class Health:
    """What the page shows; `versions` is empty before the first models are there.

    The log tells of all processes: the newest snapshot and until when windows are learnt, events whose features are not
    written yet. Of workers it knows nothing: `pid` is who answers, `counts` its own since its start by metric and labels,
    `stages` mean milliseconds of a decision's stages.
    """

    online_store_up: bool
    versions: dict[str, str]
    snapshot: int | None
    snapshot_at: datetime | None
    learnt_until: datetime | None
    backlog: Backlog
    pid: int
    counts: dict[str, dict[str, float]]
    stages: dict[str, float]


def read_health(gardoon: State) -> Health:
    """How the worker is now."""
    try:
        versions = gardoon.feed.current.versions
    except NotReadyError:
        versions = {}
    with gardoon.engine.connect() as connection:
        newest = connection.execute(select(snapshots).order_by(snapshots.c.snapshot.desc()).limit(1)).first()
        backlog = read_backlog(connection)
    samples = [sample for family in gardoon.metrics.registry.collect() for sample in family.samples]
    return Health(
        online_store_up=gardoon.metrics.registry.get_sample_value("gardoon_online_store_up") != 0.0,
        versions=versions,
        snapshot=None if newest is None else newest.snapshot,
        snapshot_at=None if newest is None else moment(newest.created_at),
        learnt_until=None if newest is None else moment(newest.scanned_until),
        backlog=backlog,
        pid=os.getpid(),
        counts={
            name: _counted(samples, name)
            for name in ("decisions", "outcomes", "events", "degraded_inputs", "refused", "unavailable")
        },
        stages=_stages(samples),
    )


def newest_acts(gardoon: State) -> list[AuditEntry]:
    """What operators did last."""
    with gardoon.engine.connect() as connection:
        return read_acts(connection, limit=20)


def _counted(samples: Sequence[Sample], name: str) -> dict[str, float]:
    """A counter's values by its labels."""
    return {
        " · ".join(sample.labels.values()): sample.value
        for sample in samples
        if sample.name == f"gardoon_{name}_total"
    }


def _stages(samples: Sequence[Sample]) -> dict[str, float]:
    sums, counts = (
        {
            sample.labels["stage"]: sample.value
            for sample in samples
            if sample.name == f"gardoon_decide_stage_seconds_{what}"
        }
        for what in ("sum", "count")
    )
    return {stage: 1000 * sums[stage] / count for stage, count in counts.items() if count}
