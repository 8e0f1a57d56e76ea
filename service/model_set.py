"""The scorers and policies that decide now, bound to the places of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from features.schema import Schema, parse_schema
from models.artifact import Artifact
from models.catalogue import load_policy
from models.feedback import Floats
from models.inputs import SCORES, bind, input_names
from models.policy import Policy
from models.scorer import load_scorer
from service.guardrails.reach import FEATURES as REACH
from service.point_decisions import DecisionName

POLICY_NAMES: dict[DecisionName, str] = {
    "channel": "channel_policy",
    "send_time": "send_time_policy",
    "coupon": "coupon_policy",
}
SCHEMA_KIND, SCHEMA_FILE = "feature_schema", "schema.toml"
CHAMPIONS = (*SCORES, *POLICY_NAMES.values())


class Scoring(Protocol):
    """What a scorer of the set does."""

    def score(self, vector: Floats, /) -> float:
        """The score of one feature vector `(n_columns,)`: that of `score_many` to the bit."""

    def score_many(self, vectors: Floats, /) -> Floats:
        """Scores `(n_rows,)` of feature vectors `(n_rows, n_columns)`, each row's the same whatever is beside it."""


@dataclass(frozen=True)
class BoundPolicy:
    """A policy and where its inputs stand among all inputs."""

    policy: Policy
    places: np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True)
class ModelSet:
    """Scorers by name, policies by decision, and the versions that an answer names."""

    scorers: Mapping[str, Scoring]
    policies: dict[str, BoundPolicy]
    input_names: tuple[str, ...]
    versions: dict[str, str]

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each input by name."""
        return {name: place for place, name in enumerate(self.input_names)}

    @cached_property
    def known_of_reach(self) -> tuple[tuple[str, ...], np.ndarray[tuple[int], np.dtype[np.intp]]]:
        """What of a customer tells whether a channel reaches them, as far as there are such features, and their places."""
        names = tuple(name for name in REACH if name in self.places)
        return names, bind(names, self.input_names)

    def make_ready(self) -> None:
        """Do what the first decision would otherwise wait for."""
        for bound in self.policies.values():
            bound.policy.make_ready()

    def scores(self, features: Floats) -> dict[str, float]:
        """The three scores of a feature vector."""
        return {name: scorer.score(features) for name, scorer in self.scorers.items()}

    def scores_many(self, features: Floats) -> list[dict[str, float]]:
        """`scores` of many feature vectors `(n_rows, n_columns)`, to the bit."""
        columns = [scorer.score_many(features).tolist() for scorer in self.scorers.values()]
        return [dict(zip(self.scorers, row, strict=True)) for row in zip(*columns, strict=True)]


def build_model_set(versions: dict[str, str], schema: Schema, load: Callable[[str], Artifact]) -> ModelSet:
    """The models of these versions: artifact digests by champion name, fetched by `load`.

    Raises: `ArtifactError` or `ValueError` when an artifact does not fit the schema or the inputs.
    """
    names = input_names(schema.columns)
    scorers = {name: load_scorer(load(versions[name]), schema.columns) for name in SCORES}
    policies = bind_policies(names, lambda name: load(versions[name]))
    return ModelSet(scorers, policies, names, name_versions(versions, schema))


def bind_policies(names: tuple[str, ...], champion: Callable[[str], Artifact]) -> dict[str, BoundPolicy]:
    """The policies by decision, bound to inputs of these names. Raises: what `build_model_set` does."""
    policies: dict[str, BoundPolicy] = {}
    for decision, name in POLICY_NAMES.items():
        policy = load_policy(champion(name))
        policies[decision] = BoundPolicy(policy, bind(policy.input_names, names))
    return policies


def schema_artifact(schema: Schema) -> Artifact:
    """The schema as data: a decision is made again with the features as they were declared then."""
    return Artifact({"kind": SCHEMA_KIND}, texts={SCHEMA_FILE: schema.text})


def stored_schema(artifact: Artifact) -> Schema:
    """The schema that `schema_artifact` wrote. Raises `ArtifactError` for another kind."""
    artifact.require(SCHEMA_KIND)
    return parse_schema(artifact.texts[SCHEMA_FILE])


def name_versions(versions: Mapping[str, str], schema: Schema) -> dict[str, str]:
    """What an answer names, always in the same order: the schema, each champion's digest, the snapshot's number."""
    return {
        "features": schema_artifact(schema).digest,
        **{name: versions[name] for name in (*CHAMPIONS, "snapshot")},
    }
