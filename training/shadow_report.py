"""The report on one registered challenger, from the registry and the log's database."""

from __future__ import annotations

from models.inputs import SCORES
from training.champion import read_version
from training.evaluation.log_store import open_connection
from training.places import Places
from training.promotion import Contenders
from training.shadow import ShadowReport, compare_policies, compare_scorers
from training.shadow_log import read_purchases, read_shadow_log


class NothingScoredError(LookupError):
    """The challenger was not scored on any live decision yet; the message says what scores it."""


def report_shadow(places: Places, contenders: Contenders, database_url: str = "") -> ShadowReport:
    """How the challenger compares on the live decisions that it was scored on.

    Raises: `NothingScoredError`, `LogError`, and `ArtifactError` when the version holds no artifact.
    """
    name, version = contenders.name, contenders.challenger
    artifact = read_version(places.registry_uri, name, version)
    with open_connection(database_url or places.log_url) as connection:
        log = read_shadow_log(connection, name, artifact.digest)
        purchases = read_purchases(connection) if name in SCORES else None
    if not log.n_decisions:
        raise NothingScoredError(
            f"version {version} of {name} was scored on no live decision yet: the learner (`python -m service learn`, part "
            "of `make run`) scores those decided while it is the challenger, a minute later"
        )
    if purchases is None:
        return compare_policies(name, version, log)
    horizon = int(artifact.manifest["horizon_days"])
    return compare_scorers(name, version, log, purchases, horizon)
