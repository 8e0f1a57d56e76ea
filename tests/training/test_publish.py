"""Warm-started policies in a real registry: registered once, read back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from features.schema import load_schema
from training.evaluation.gate import Condition, GateReport
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

OPEN_GATE = GateReport(conditions=(Condition(name="difference", holds=True, detail="+1"),))


def variant(started: StartedPolicy, about: str) -> StartedPolicy:
    """The same policy in other bytes."""
    manifest = {**started.artifact.manifest, "about": about}
    return replace(started, artifact=replace(started.artifact, manifest=manifest))


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
    placings = [publish_policy(registry, started) for _ in range(2)]

    assert [str(placing) for placing in placings] == ["version 1 is champion", "unchanged"]
    assert read_champion(registry.tracking_uri, started.name).digest == started.artifact.digest


def test_a_changed_policy_becomes_the_next_version(
    tmp_path: Path, started: StartedPolicy, stage: Stage
) -> None:
    from training.champion import read_champion
    from training.publish import publish_policy
    from training.registry import open_registry

    other = start_policy(replace(WARM_STARTS[0], n_rounds=2_000, worth=600), stage, seed=0)
    registry = open_registry(Places(var=tmp_path))
    placings = [publish_policy(registry, each) for each in (started, other)]

    assert [placing.version for placing in placings] == ["1", "2"]
    assert read_champion(registry.tracking_uri, started.name).manifest["simulated_worth_rounds"] == 600


def test_a_champion_that_was_promoted_is_not_replaced_by_what_is_merely_fitted(
    tmp_path: Path, started: StartedPolicy
) -> None:
    from training.prepare import kept_champions
    from training.promotion import Contenders, settle
    from training.publish import publish_policy
    from training.registry import CHALLENGER, CHAMPION, open_registry

    registry, name = open_registry(Places(var=tmp_path)), started.name
    publish_policy(registry, started)
    publish_policy(registry, variant(started, "retrained"), CHALLENGER)
    settle(registry, Contenders(name=name, challenger="2", champion="1"), OPEN_GATE)

    same, other, again = (
        publish_policy(registry, each) for each in (started, *[variant(started, "new")] * 2)
    )

    assert registry.version_of(name, CHAMPION) == "2"
    assert (str(same), same.version) == ("unchanged; the champion was promoted and stays", None)
    assert str(other) == "version 3 is challenger; the champion was promoted and stays"
    assert registry.version_of(name, CHALLENGER) == "3"
    assert again.version is None
    assert kept_champions({name: other}) == f"; not champion: {name} ({other})"
    assert kept_champions({name: publish_policy(registry, variant(started, "new"), CHALLENGER)}) == ""


def test_a_challenger_that_somebody_made_champion_by_hand_is_not_replaced_either(
    tmp_path: Path, started: StartedPolicy
) -> None:
    from mlflow import MlflowClient

    from training.publish import publish_policy
    from training.registry import CHALLENGER, CHAMPION, open_registry

    registry = open_registry(Places(var=tmp_path))
    publish_policy(registry, started)
    publish_policy(registry, variant(started, "retrained"), CHALLENGER)
    client = MlflowClient(tracking_uri=registry.tracking_uri)
    client.set_registered_model_alias(started.name, CHAMPION, "2")

    placing = publish_policy(registry, variant(started, "new"))

    assert (placing.alias, placing.kept) == (CHALLENGER, True)
    assert registry.version_of(started.name, CHAMPION) == "2"


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
