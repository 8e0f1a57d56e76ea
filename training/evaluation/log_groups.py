"""What the decision log says around its rounds: customers by group, and how long outcomes take to come."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from sqlalchemy import Connection, column, distinct, func, select, table

from models.artifact import Artifact, ArtifactError
from models.sample_ratio import SampleRatio, group_shares
from training.evaluation.decision_log import RewardDelay
from training.evaluation.errors import LogError

_decisions = table(
    "decisions",
    column("decision_id"),
    column("journey"),
    column("customer_id"),
    column("group_name"),
    column("effective_at"),
)
_outcomes = table("outcomes", column("decision_id"), column("kind"), column("occurred_at"))
_artifacts = table("artifacts", column("kind"), column("digest"), column("content"))
_DECISIVE: Final = ("clicked", "purchased")
_HOUR_US: Final = 3_600_000_000


def sample_ratios(connection: Connection, journeys: Sequence[str]) -> tuple[SampleRatio, ...]:
    """Distinct customers by group of each journey, against its shares; without those whose salt or shares changed."""
    shares = _shares(connection)
    by_group = _decisions.c.journey, _decisions.c.group_name
    counted = select(*by_group, func.count(distinct(_decisions.c.customer_id)).label("customers")).group_by(
        *by_group
    )
    counts: dict[str, dict[str, int]] = {}
    for journey, group, customers in connection.execute(counted):
        counts.setdefault(journey, {})[group] = customers
    return tuple(
        SampleRatio(journey=journey, counts=counts[journey], shares=shares[journey])
        for journey in journeys
        if journey in counts and shares.get(journey)
    )


def _shares(connection: Connection) -> dict[str, dict[str, float]]:
    """The groups' shares of each journey, empty where versions of its rules differ in them."""
    found: dict[str, set[tuple[str, str]]] = {}
    query = select(_artifacts.c.digest, _artifacts.c.content).where(_artifacts.c.kind == "decision_point")
    for digest, content in connection.execute(query):
        try:
            manifest = Artifact.from_bytes(content).manifest
            held = {} if manifest.get("transactional") else manifest.get("shop", {})
            shop = {name: held.get(name) for name in ("holdout", "salt")}
            key = (str(manifest["salt"]), json.dumps([manifest["shares"], shop], sort_keys=True))
        except (ArtifactError, KeyError) as error:
            raise LogError(f"the rules {digest} cannot be read: {error!r}") from error
        found.setdefault(manifest["journey"], set()).add(key)
    return {name: _declared(next(iter(keys))[1]) if len(keys) == 1 else {} for name, keys in found.items()}


def _declared(content: str) -> dict[str, float]:
    """The shares that a journey's and the shop's rules make together."""
    shares, shop = json.loads(content)
    return group_shares(shares, shop["holdout"] or 0.0)


def reward_delay(connection: Connection, journeys: Sequence[str]) -> RewardDelay | None:
    """The delay of clicks and purchases of these journeys, None where none came in; eight bytes an outcome."""
    delays = array("d")
    query = (
        select(_outcomes.c.occurred_at - _decisions.c.effective_at)
        .join_from(_outcomes, _decisions, _outcomes.c.decision_id == _decisions.c.decision_id)
        .where(_outcomes.c.kind.in_(_DECISIVE), _decisions.c.journey.in_(journeys))
    )
    for (delay,) in connection.execution_options(stream_results=True, yield_per=10_000).execute(query):
        delays.append(delay / _HOUR_US)
    return RewardDelay.of(np.array(delays))
