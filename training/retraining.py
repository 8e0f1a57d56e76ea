"""Retraining: a registered policy fitted anew on the decision log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from models.artifact import Artifact
from models.catalogue import load_policy
from models.policy import Policy
from training.champion import NoChampionError, read_version
from training.closed_rounds import closed_rounds
from training.evaluation.log_chunk import RoundSource
from training.evaluation.log_name import DecisionLogName
from training.evaluation.log_request import spooled
from training.evaluation.log_summary import LogSummary
from training.places import Places
from training.policies import DECISIONS
from training.policy_fit import (
    PolicyFitError,
    Recipe,
    Start,
    fit_kind,
    fitted_artifact,
    go_on,
    learned_until,
)
from training.registry import CHAMPION, ModelRegistry
from training.round_facts import read_facts


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """What to fit on the log, and how.

    kind: empty for the champion's own, which goes on from its warm start (from its prior alone without `warm_start`); one of
    `policy_fit.KINDS` starts from nothing. until: only rounds decided before it. seed: of the trees. log: an export of the
    log, `parquet:DIR`; empty for the database.
    """

    name: str
    kind: str = ""
    warm_start: bool = True
    until: datetime | None = None
    seed: int = 0
    reward_range: tuple[float, float] = (0.0, 1.0)
    log: str = ""
    database_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """A policy fitted on the log, ready to be registered; `left_out`: how many decisions taught nothing, by reason."""

    name: str
    artifact: Artifact
    mean_reward: float
    left_out: Mapping[str, int]

    def describe(self) -> str:
        """What it learnt, in three sentences for whoever finds it in the registry."""
        manifest = self.artifact.manifest
        start = manifest["started_from"]
        began = "its prior alone" if start is None else f"version {start['version']} as that was registered"
        return (
            f"A {manifest['kind']} that started from {began} and learnt {manifest['n_rounds']:,} rounds of the decision "
            f"log, every one decided before {manifest['learned_until']} and none after. Their mean reward was "
            f"{self.mean_reward:.4g}. The rounds' fingerprint is {manifest['data_fingerprint'][:16]}."
        )


def retrain_policy(registry: ModelRegistry, places: Places, wanted: Retraining) -> Retrained:
    """The policy fitted on the log's rounds whose windows had closed; the same rounds and seed give the same bytes.

    Raises: `NoChampionError` where no champion says which actions there are, `PolicyFitError`, `LogError`,
    `TooFewRoundsError`, `ArtifactError`.
    """
    champion, named = _champion(registry, wanted.name), _whole_log(wanted)
    with spooled(named, places, wanted.database_url) as log:
        _refuse_mixed_units(log)
        rounds, until = closed_rounds(log, wanted.until)
        policy, start = _fit(registry, champion, wanted, rounds)
        facts: dict[str, Any] = {
            "name": wanted.name,
            "reward": log.rewards,
            "started_from": start and {"version": start.version, "digest": start.artifact.digest},
            "seed": wanted.seed,
        }
        return Retrained(
            name=wanted.name,
            artifact=fitted_artifact(policy, rounds, learned_until=until, facts=facts),
            mean_reward=read_facts(rounds).mean_reward,
            left_out=log.n_left_out,
        )


def _whole_log(wanted: Retraining) -> DecisionLogName:
    """The log of what the policy decides. Raises: `PolicyFitError` for one of other rounds or of some of them."""
    decision = DECISIONS[wanted.name]
    named = DecisionLogName.parse(wanted.log or f"decisions:{decision}", decision)
    if named is None or not named.is_whole(decision):
        raise PolicyFitError(
            f"{wanted.name} cannot be fitted on {wanted.log!r}: it decides in every journey; wanted decisions:{decision} or "
            "parquet:DIR"
        )
    return named


def _fit(
    registry: ModelRegistry, champion: Start, wanted: Retraining, rounds: RoundSource
) -> tuple[Policy, Start | None]:
    """The policy, and the registered one whose warm start it holds; None where it knows the rounds alone."""
    own = load_policy(champion.artifact)
    if not wanted.kind and own.learns_online:
        start = _before_real_feedback(registry, wanted.name, champion)
        if start is None or not wanted.warm_start:
            return go_on(replace(champion, fresh=True), rounds), None
        return go_on(start, rounds), start
    recipe = Recipe(
        kind=wanted.kind or own.kind, floor=own.floor, seed=wanted.seed, reward_range=wanted.reward_range
    )
    return fit_kind(recipe, rounds), None


def _champion(registry: ModelRegistry, name: str) -> Start:
    version = registry.version_of(name, CHAMPION)
    if version is None:
        raise NoChampionError(
            f"{registry.tracking_uri} has no champion of {name}: run `python -m training fit policies` first"
        )
    return Start(version=version, artifact=read_version(registry.tracking_uri, name, version))


def _before_real_feedback(registry: ModelRegistry, name: str, champion: Start) -> Start | None:
    """The champion as it was registered if it knew no real feedback then, else what it started from; None: its prior."""
    manifest = champion.artifact.manifest
    if learned_until(manifest) is None:
        return champion
    began = manifest["started_from"]
    if began is None:
        return None
    version = began["version"]
    return Start(version=version, artifact=read_version(registry.tracking_uri, name, version))


def _refuse_mixed_units(log: LogSummary) -> None:
    kinds = sorted({kind for _, kind in log.n_by_journey})
    if len(kinds) > 1:
        raise PolicyFitError(f"the log's rewards are of several units, {kinds}; wanted one")
