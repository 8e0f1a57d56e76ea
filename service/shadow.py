"""Challengers in shadow: they score what was decided, after it was answered, and decide nothing.

The learner's process does this, decision by decision of the log and a bounded number a step: no request waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from features.schema import Schema
from models.artifact import Artifact
from models.catalogue import load_policy
from models.inputs import SCORES, bind, input_names
from models.policy import Policy
from models.scorer import load_scorer
from service.model_set import CHAMPIONS, POLICY_NAMES, schema_artifact
from service.record import DecisionRecord, Round
from service.registry import CHALLENGER, RegistryUnavailableError
from service.shadow_input import logged_inputs
from service.store.shadow_log import ShadowScore, begin, put_shadow_scores, records_after, seen_until

BATCH = 500
LATE_COMMITS = timedelta(minutes=1)
_DECISIONS = {name: decision for decision, name in POLICY_NAMES.items()}
_logger = structlog.get_logger()

Score = Callable[[Sequence[DecisionRecord]], list[ShadowScore]]


@dataclass(frozen=True)
class Challenger:
    """One that is scored in shadow: the registry's version, the artifact's digest, and what it makes of decisions."""

    version: str
    digest: str
    score: Score


class Shadow:
    """The challengers of now. Each new one begins with the decisions made after it was first seen.

    `check` (name, artifact) raises when an artifact could not serve under that name; `batch`: decisions a step.
    """

    def __init__(
        self, *, engine: Engine, schema: Schema, check: Callable[[str, Artifact], None], batch: int = BATCH
    ) -> None:
        self._engine = engine
        self._batch = batch
        self._schema = schema
        self._check = check
        self._features = schema_artifact(schema).digest
        self._challengers: dict[str, Challenger] = {}
        self._refused: dict[str, str] = {}

    def follow(self, registry: Any) -> list[str]:
        """The names whose challenger moved; one that cannot be loaded is logged once and left out.

        Raises: `RegistryUnavailableError`; the challengers known stay.
        """
        moved = []
        for name in CHAMPIONS:
            version = registry.version(name, CHALLENGER)
            known = self._challengers.get(name)
            if version is None:
                self._challengers.pop(name, None)
            elif self._refused.get(name) != version and (known is None or known.version != version):
                self._challengers.pop(name, None)
                if self._load(registry, name, version):
                    moved.append(name)
        return moved

    def step(self, now: datetime) -> int:
        """How many scores were stored: each challenger takes up to `batch` decisions, from where it stopped.

        A challenger that fails is logged and left out until the alias moves. Raises: `SQLAlchemyError` when the log is away.
        """
        stored = 0
        for name, challenger in list(self._challengers.items()):
            try:
                stored += self._score_next(name, challenger, now)
            except SQLAlchemyError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others and the learner go on
                self._refuse(name, challenger.version, error)
        return stored

    def _score_next(self, name: str, challenger: Challenger, now: datetime) -> int:
        key = (name, challenger.digest)
        with self._engine.connect() as connection:  # scoring takes longer than a writer may be kept waiting
            after = seen_until(connection, key)
            found = (
                records_after(connection, after, before=now - LATE_COMMITS, limit=self._batch)
                if after
                else []
            )
        if after is None:
            begin(self._engine, key, now)
        if not found:
            return 0
        records = [DecisionRecord.of_stored(content) for _, content in found]
        mine = [
            record
            for record in records
            if record.features and record.versions.get("features") == self._features  # none: erased
        ]
        scores = challenger.score(mine) if mine else []
        put_shadow_scores(self._engine, key, scores, until=found[-1][0])
        return len(scores)

    def _load(self, registry: Any, name: str, version: str) -> bool:
        try:
            artifact = registry.artifact(name, version)
            self._check(name, artifact)
            score = score_with_scorer(artifact, self._schema) if name in SCORES else None
            self._challengers[name] = Challenger(
                version, artifact.digest, score or score_with_policy(name, artifact, self._schema)
            )
        except RegistryUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the champion decides on
            self._refuse(name, version, error)
            return False
        _logger.info("challenger in shadow", name=name, version=version, digest=artifact.digest)
        return True

    def _refuse(self, name: str, version: str, error: Exception) -> None:
        self._refused[name] = version
        self._challengers.pop(name, None)
        _logger.error("challenger left out", name=name, version=version, reason=repr(error))


def score_with_scorer(artifact: Artifact, schema: Schema) -> Score:
    """The scorer's scores of logged feature vectors. Raises `ArtifactError` when it does not fit the schema."""
    scorer = load_scorer(artifact, schema.columns)

    def score(records: Sequence[DecisionRecord]) -> list[ShadowScore]:
        found = scorer.score_many(np.array([record.feature_values() for record in records]))
        return [ShadowScore(r.decision_id, each) for r, each in zip(records, found.tolist(), strict=True)]

    return score


def score_with_policy(name: str, artifact: Artifact, schema: Schema) -> Score:
    """The policy's probabilities of the logged actions, where it chooses among the same. Raises `ArtifactError`."""
    policy, names = load_policy(artifact), input_names(schema.columns)
    places, decision = bind(policy.input_names, names), _DECISIONS[name]

    def score(records: Sequence[DecisionRecord]) -> list[ShadowScore]:
        rounds = [(record, r) for record in records for r in record.rounds if r.decision == decision]
        rounds = [(record, r) for record, r in rounds if r.actions == policy.action_names]
        if not rounds:
            return []
        contexts = np.array([logged_inputs(record, r, names)[places] for record, r in rounds])
        return _shadow_scores(policy, rounds, contexts)

    return score


def _shadow_scores(
    policy: Policy, rounds: list[tuple[DecisionRecord, Round]], contexts: np.ndarray[Any, Any]
) -> list[ShadowScore]:
    eligible = np.array([round_.eligible for _, round_ in rounds])
    probabilities = policy.probabilities_many(contexts, eligible)
    logged = np.array([round_.probabilities for _, round_ in rounds])
    agreements = np.minimum(probabilities, logged).sum(axis=1)
    return [
        ShadowScore(record.decision_id, float(mine[round_.action]), float(agreement))
        for (record, round_), mine, agreement in zip(rounds, probabilities, agreements, strict=True)
    ]
