"""Warm-started policies in a real registry: registered once, read back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from features.schema import load_schema
from training.places import Places
from training.policies import WARM_STARTS
from training.simulation.audience import AudienceError
from training.simulation.stage import Stage
from training.warm_start import StartedPolicy, start_policy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def started(stage: Stage) -> StartedPolicy:
    return start_policy(replace(WARM_STARTS[0], n_rounds=2_000, worth=500), stage, seed=0)


def test_a_policy_is_registered_as_champion_and_read_back_unchanged(
    tmp_path: Path, started: StartedPolicy
) -> None:
    from training.champion import read_champion
    from training.publish import publish_policy
    from training.registry import open_registry

    registry = open_registry(Places(var=tmp_path))
    versions = [publish_policy(registry, started) for _ in range(2)]

    assert versions == ["1", None]
    assert read_champion(registry.tracking_uri, started.name).digest == started.artifact.digest


def test_a_changed_policy_becomes_the_next_version(
    tmp_path: Path, started: StartedPolicy, stage: Stage
) -> None:
    from training.champion import read_champion
    from training.publish import publish_policy
    from training.registry import open_registry

    other = start_policy(replace(WARM_STARTS[0], n_rounds=2_000, worth=600), stage, seed=0)
    registry = open_registry(Places(var=tmp_path))
    versions = [publish_policy(registry, each) for each in (started, other)]

    assert versions == ["1", "2"]
    assert read_champion(registry.tracking_uri, started.name).manifest["simulated_worth_rounds"] == 600


def test_without_scorers_the_error_says_which_is_missing(tmp_path: Path) -> None:
    from training.champion import NoChampionError, read_champion_scorers
    from training.registry import open_registry

    with pytest.raises(NoChampionError, match="purchase_propensity"):
        read_champion_scorers(open_registry(Places(var=tmp_path)).tracking_uri, load_schema())


def test_features_of_other_data_are_refused(tmp_path: Path) -> None:
    from training.publish import check_snapshots

    with pytest.raises(AudienceError, match="training features` first"):
        check_snapshots(tmp_path, "a")

    (tmp_path / "snapshots.json").write_text('{"dataset_fingerprint": "b"}')

    check_snapshots(tmp_path, "b")
    with pytest.raises(AudienceError, match="made of other data"):
        check_snapshots(tmp_path, "a")


def test_the_description_says_that_nothing_real_was_seen(started: StartedPolicy) -> None:
    from training.publish import describe

    assert "no real feedback" in describe(started)
    assert "500 real ones" in describe(started)
