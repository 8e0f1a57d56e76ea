"""The laws of tests/models/test_policy_laws.py for rankings, whose actions come with the request instead of by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from scipy.stats import chisquare

from models.artifact import Artifact, ArtifactError
from models.hashed_design import N_BUCKETS
from models.linear_statistics import LinearStatistics
from models.policy import NoEligibleActionError, choose, uniform
from models.ranking import Ranking
from models.uniform_random import UniformRandom

N_ACTIONS = 4
EVERYTHING = np.ones(N_ACTIONS, dtype=np.bool_)
Rounds = tuple[np.ndarray, np.ndarray]


def designs_of(seed: int, n: int = N_ACTIONS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, N_BUCKETS)) / np.sqrt(N_BUCKETS)


def rounds_of(seed: int, n: int = 60) -> Rounds:
    return designs_of(seed, n), np.random.default_rng(seed).uniform(-1, 1, n)


def learnt(seed: int = 1, exploration: float = 0.2) -> Ranking:
    ranking = Ranking(exploration=exploration)
    ranking.learn_many(*rounds_of(seed))
    return ranking


LEARNT = learnt()


def assert_same_sums(found: Ranking, wanted: Ranking) -> None:
    for name, array in vars(wanted.statistics).items():
        np.testing.assert_allclose(getattr(found.statistics, name), array, rtol=1e-9, atol=1e-9, err_msg=name)


# Probabilities


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-12, 1.0, 1e6]),
    stn.arrays(np.bool_, N_ACTIONS).filter(np.any),
    st.sampled_from([0.0, 0.2, 0.5, 1.0]),
)
def test_probabilities_are_a_distribution_over_the_eligible_actions_with_a_floor(
    seed: int, scale: float, eligible: np.ndarray, exploration: float
) -> None:
    designs = designs_of(seed) * scale

    found = LEARNT.exploring(exploration).probabilities(designs, eligible)

    assert found.shape == (N_ACTIONS,)
    assert (found[~eligible] == 0).all()
    assert (found[eligible] >= exploration / eligible.sum() - 1e-15).all()
    assert found.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_best_gets_all_but_the_exploration_that_the_others_share() -> None:
    ranking = Ranking(exploration=0.3)
    ranking.learn_one(np.eye(N_BUCKETS)[1], 1.0)

    found = ranking.probabilities(np.eye(N_BUCKETS)[[1, 2, 3]], np.array([True, False, True]))

    assert found == pytest.approx([0.85, 0.0, 0.15])


def test_before_anything_is_learnt_every_eligible_action_is_alike() -> None:
    found = Ranking().probabilities(designs_of(2), np.array([True, True, False, True]))

    assert found == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3])


def test_a_single_eligible_action_is_certain() -> None:
    for only in np.eye(N_ACTIONS, dtype=np.bool_):
        assert LEARNT.probabilities(designs_of(3), only) == pytest.approx(only.astype(float), abs=1e-12)


def test_nothing_eligible_is_an_error_that_says_of_how_many() -> None:
    with pytest.raises(NoEligibleActionError, match="none of 4 actions"):
        LEARNT.probabilities(designs_of(3), ~EVERYTHING)


def test_in_another_order_the_actions_keep_their_probabilities() -> None:
    designs, order = designs_of(4), np.array([2, 0, 3, 1])
    eligible = np.array([True, True, False, True])

    found = LEARNT.probabilities(designs[order], eligible[order])

    assert found == pytest.approx(LEARNT.probabilities(designs, eligible)[order], abs=1e-12)


def test_asking_changes_nothing() -> None:
    ranking = learnt()
    before = ranking.to_artifact().digest

    answers = [ranking.probabilities(designs_of(5), EVERYTHING).tolist() for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert ranking.to_artifact().digest == before


def test_no_array_that_is_handed_in_is_changed_or_kept() -> None:
    ranking, (designs, rewards), eligible = Ranking(), rounds_of(6), EVERYTHING.copy()
    kept = [array.copy() for array in (designs, rewards, eligible)]
    for array in (designs, rewards, eligible):
        array.flags.writeable = False

    ranking.learn_many(designs, rewards)
    ranking.learn_one(designs[0], float(rewards[0]))
    ranking.probabilities(designs[:N_ACTIONS], eligible)

    for array, before in zip((designs, rewards, eligible), kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert not any(np.shares_memory(array, designs) for array in vars(ranking.statistics).values())


@pytest.mark.parametrize("exploration", [-0.1, 1.1, float("nan")])
def test_an_exploration_that_makes_no_distribution_is_refused(exploration: float) -> None:
    with pytest.raises(ValueError, match=r"exploration is .*; wanted 0 to 1"):
        Ranking(exploration=exploration)


@pytest.mark.parametrize("ridge", [0.0, -1.0, float("nan")])
def test_a_ridge_that_makes_no_prior_is_refused(ridge: float) -> None:
    with pytest.raises(ValueError, match=r"ridge is .*; wanted above 0"):
        Ranking(ridge=ridge)


# Choosing


def test_10_000_choices_come_as_often_as_their_propensities_say() -> None:
    """Pearson's chi-squared test at 1e-4: so often does it fail when the propensities are true; the seed is fixed."""
    eligible = np.array([True, True, False, True])
    propensities = LEARNT.probabilities(designs_of(7), eligible)

    chosen = [choose(propensities, uniform(f"event {n}", "rank\0default")) for n in range(10_000)]

    counts = np.bincount(chosen, minlength=N_ACTIONS)
    assert (counts[~eligible] == 0).all()
    assert chisquare(counts[eligible], 10_000 * propensities[eligible]).pvalue > 1e-4


def test_the_same_event_id_gives_the_same_action_also_after_loading() -> None:
    def choices(ranking: Ranking) -> list[int]:
        propensities = ranking.probabilities(designs_of(8), EVERYTHING)
        return [choose(propensities, uniform(f"event {n}", "rank\0default")) for n in range(50)]

    assert choices(LEARNT) == choices(LEARNT) == choices(Ranking.from_artifact(LEARNT.to_artifact()))


# Learning


def test_learning_many_is_learning_one_by_one_with_questions_in_between() -> None:
    together, one_by_one = Ranking(), Ranking()
    designs, rewards = rounds_of(9)
    asked = designs_of(10)

    together.learn_many(designs, rewards)
    for design, reward in zip(designs, rewards, strict=True):
        one_by_one.learn_one(design, float(reward))
        found = one_by_one.probabilities(asked, EVERYTHING)

    assert_same_sums(one_by_one, together)
    assert found == pytest.approx(together.probabilities(asked, EVERYTHING), abs=1e-9)


def test_the_order_of_rounds_does_not_matter() -> None:
    forwards, backwards = Ranking(), Ranking()
    rounds = rounds_of(11)

    forwards.learn_many(*rounds)
    backwards.learn_many(*(column[::-1] for column in rounds))

    assert_same_sums(backwards, forwards)


@pytest.mark.parametrize("cut", [0, 1, 23, 60])
def test_merged_shards_are_one_that_learnt_all_rounds(cut: int) -> None:
    whole, left, right = Ranking(), Ranking(), Ranking()
    rounds = rounds_of(12)

    whole.learn_many(*rounds)
    left.learn_many(*(column[:cut] for column in rounds))
    right.learn_many(*(column[cut:] for column in rounds))
    left.probabilities(designs_of(12), EVERYTHING)
    before = right.to_artifact().digest
    left.merge(right)

    assert_same_sums(left, whole)
    assert left.mean == pytest.approx(whole.mean, abs=1e-9)
    assert right.to_artifact().digest == before


def test_learning_no_rounds_changes_nothing() -> None:
    ranking = learnt()
    before = ranking.to_artifact().digest

    ranking.learn_many(*(column[:0] for column in rounds_of(13)))

    assert ranking.to_artifact().digest == before


def test_what_is_learnt_is_the_ridge_regression_of_the_rewards() -> None:
    designs, rewards = rounds_of(14)
    ranking = Ranking(ridge=2.0)

    ranking.learn_many(designs, rewards)

    rows = np.vstack([designs, np.sqrt(2.0) * np.eye(N_BUCKETS)])
    wanted = np.linalg.lstsq(rows, np.concatenate([rewards, np.zeros(N_BUCKETS)]), rcond=None)[0]
    assert ranking.mean == pytest.approx(wanted, abs=1e-9)


def test_an_action_that_keeps_earning_more_becomes_more_probable() -> None:
    ranking, designs = Ranking(), designs_of(15)
    chosen = np.random.default_rng(15).integers(0, N_ACTIONS, 200)

    ranking.learn_many(designs[chosen], np.where(chosen == 2, 1.0, 0.0))

    assert ranking.probabilities(designs, EVERYTHING)[2] == pytest.approx(0.85)


@pytest.mark.parametrize("exploration", [0.2, 0.7])
def test_a_clone_and_one_that_explores_otherwise_learn_on_their_own(exploration: float) -> None:
    ranking = learnt()
    before = ranking.to_artifact().digest

    twin = ranking.exploring(exploration)
    assert_same_sums(twin, ranking)
    assert (ranking.clone().to_artifact().digest, twin.exploration) == (before, exploration)
    twin.learn_many(*rounds_of(16))

    assert ranking.to_artifact().digest == before


# Storing


def test_a_ranking_saved_and_loaded_is_the_same_to_the_byte() -> None:
    ranking = learnt(exploration=0.35)
    artifact = ranking.to_artifact()

    again = Ranking.from_artifact(Artifact.from_bytes(artifact.to_bytes()))

    assert again.to_artifact().to_bytes() == artifact.to_bytes()
    assert again.to_artifact().digest == artifact.digest
    assert (again.exploration, again.ridge) == (ranking.exploration, ranking.ridge)
    asked = designs_of(17)
    assert (
        again.probabilities(asked, EVERYTHING).tolist() == ranking.probabilities(asked, EVERYTHING).tolist()
    )


def test_a_saved_ranking_does_not_change_when_the_ranking_learns_on() -> None:
    ranking = learnt()
    artifact = ranking.to_artifact()
    before = artifact.digest

    ranking.learn_many(*rounds_of(18))

    assert artifact.digest == before


def test_an_artifact_of_another_kind_is_refused() -> None:
    other = UniformRandom(action_names=("a", "b"), input_names=())

    with pytest.raises(ArtifactError, match="of kind 'uniform_random'; wanted 'ranking'"):
        Ranking.from_artifact(other.to_artifact())


def test_every_part_of_an_artifact_is_needed() -> None:
    artifact = LEARNT.to_artifact()
    assert set(artifact.arrays) == set(vars(LinearStatistics.empty(1, 1)))

    for name in ("exploration", "ridge", *artifact.arrays):
        manifest = {key: value for key, value in artifact.manifest.items() if key != name}
        arrays = {key: value for key, value in artifact.arrays.items() if key != name}
        with pytest.raises(ArtifactError, match=f"lacks a part: '{name}'"):
            Ranking.from_artifact(Artifact(manifest, arrays))
