"""How this worker is: its parts, its models, and what it has done since it started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.samples import Sample
from sqlalchemy import select

from service.access.audit import AuditEntry, read_acts
from service.errors import NotReadyError
from service.state import State
from service.store.engine import moment
from service.store.tables import snapshots


@dataclass(frozen=True)
class Health:
    """What the page shows; `versions` is empty before the first models are there.

    `counts`: of this worker since its start, by metric and labels; `stages`: mean milliseconds of a decision's stages.
    """

    online_store_up: bool
    versions: dict[str, str]
    snapshot_at: datetime | None
    counts: dict[str, dict[str, float]]
    stages: dict[str, float]


def read_health(gardoon: State) -> Health:
    """How the worker is now."""
    try:
        versions = gardoon.feed.current.versions
    except NotReadyError:
        versions = {}
    with gardoon.engine.connect() as connection:
        newest = select(snapshots.c.created_at).order_by(snapshots.c.snapshot.desc()).limit(1)
        made_at = connection.scalar(newest)
    samples = [sample for family in gardoon.metrics.registry.collect() for sample in family.samples]
    return Health(
        online_store_up=gardoon.metrics.registry.get_sample_value("gardoon_online_store_up") != 0.0,
        versions=versions,
        snapshot_at=None if made_at is None else moment(made_at),
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
