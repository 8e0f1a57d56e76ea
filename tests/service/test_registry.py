"""Champions: a moved alias is followed, and one that cannot serve leaves the last good in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as changed

import numpy as np
import pytest
from sqlalchemy import Engine

from features.schema import load_schema
from models.artifact import Artifact, ArtifactError
from models.context import Standardizer
from models.logistic_thompson import LogisticThompson
from service.point_files import load_decision_points
from service.registry import check_champion, sync_champions
from service.settings import Settings
from service.store.artifact_store import get_artifact, read_champions
from tests.service.conftest import NOW, bread_and_butter, starting_policies

POINTS = load_decision_points(Settings().decision_points)


@dataclass
class FakeRegistry:
    """Aliases and artifacts in memory."""

    champions: dict[str, tuple[str, Artifact]] = field(default_factory=dict)

    def version(self, name: str) -> str | None:
        return self.champions[name][0] if name in self.champions else None

    def artifact(self, name: str, version: str) -> Artifact:
        found, artifact = self.champions[name]
        assert found == version
        return artifact


def digest_of(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        return read_champions(connection)[name][0]


def test_a_moved_alias_is_followed_once(engine: Engine) -> None:
    policies = starting_policies()
    registry = FakeRegistry({"channel_policy": ("1", policies["channel_policy"])})

    moved = [sync_champions(engine, registry, load_schema(), POINTS, NOW) for _ in range(2)]

    assert moved == [["channel_policy"], []]
    assert (
        get_artifact(engine, digest_of(engine, "channel_policy")).digest == policies["channel_policy"].digest
    )


def test_a_champion_that_cannot_serve_leaves_the_last_good_in_place(engine: Engine) -> None:
    good = starting_policies()["channel_policy"]
    registry = FakeRegistry({"channel_policy": ("1", good)})
    sync_champions(engine, registry, load_schema(), POINTS, NOW)
    registry.champions["channel_policy"] = ("2", Artifact({"kind": "linear_thompson"}))

    moved = sync_champions(engine, registry, load_schema(), POINTS, NOW)

    assert moved == []
    assert digest_of(engine, "channel_policy") == good.digest


def test_complements_are_followed_and_broken_ones_refused(engine: Engine) -> None:
    good = bread_and_butter().to_artifact()
    registry = FakeRegistry({"complements": ("1", good)})
    moved = [sync_champions(engine, registry, load_schema(), POINTS, NOW)]
    registry.champions["complements"] = ("2", Artifact(good.manifest, {"starts": np.zeros(1)}))

    moved.append(sync_champions(engine, registry, load_schema(), POINTS, NOW))

    assert moved == [["complements"], []]
    assert digest_of(engine, "complements") == good.digest


def test_a_policy_that_wants_an_unknown_input_is_refused() -> None:
    policy = starting_policies()["channel_policy"]
    names = ["shoe_size", *policy.manifest["input_names"][1:]]
    stranger = changed(policy, manifest={**policy.manifest, "input_names": names})

    with pytest.raises(ValueError, match="shoe_size"):
        check_champion("channel_policy", stranger, load_schema(), POINTS)


def test_a_policy_whose_arrays_do_not_fit_is_refused_before_it_decides() -> None:
    policy = starting_policies()["channel_policy"]
    broken = changed(policy, arrays={**policy.arrays, "xx": np.zeros((2, 3, 3))})

    with pytest.raises((ArtifactError, ValueError)):
        check_champion("channel_policy", broken, load_schema(), POINTS)


@pytest.mark.parametrize(
    ("name", "array", "number"),
    [
        ("channel_policy", "center", np.nan),
        ("channel_policy", "scale", np.inf),
        ("channel_policy", "scale", 0.0),
        ("coupon_policy", "scale", -1.0),
        ("send_time_policy", "population", np.nan),
        ("send_time_policy", "population", -0.1),
    ],
)
def test_a_policy_that_would_take_what_is_known_for_unknown_is_refused(
    name: str, array: str, number: float
) -> None:
    policy = starting_policies()[name]
    broken = policy.arrays[array].copy()
    broken[0] = number

    with pytest.raises(ValueError, match=f"found the .*{number}.*; wanted"):
        check_champion(name, changed(policy, arrays={**policy.arrays, array: broken}), load_schema(), POINTS)


@pytest.mark.parametrize(("name", "earns"), [("channel_policy", "-1.0"), ("coupon_policy", "-inf to inf")])
def test_a_policy_that_cannot_learn_a_journeys_rewards_is_refused(name: str, earns: str) -> None:
    names = starting_policies()[name].manifest
    clicks_only = LogisticThompson(
        action_names=tuple(names["action_names"]),
        input_names=tuple(names["input_names"]),
        standardizer=Standardizer.fit(np.zeros((2, len(names["input_names"])))),
    )

    with pytest.raises(ValueError, match=f"learns rewards from 0.0 to 1.0; .* earns {earns}"):
        check_champion(name, clicks_only.to_artifact(), load_schema(), POINTS)
