"""What a report shows beside the estimates: the same from chunks of any size, and the same as from the whole log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.training.evaluation.in_memory import cross_fit_rewards
from training.evaluation.action_rewards import ActionRewards
from training.evaluation.bernstein import KnownBounds, bernstein_interval
from training.evaluation.dr import DR
from training.evaluation.errors import EvaluationError, NoOverlapError
from training.evaluation.estimator import Estimate
from training.evaluation.evaluation import uniform_probabilities
from training.evaluation.ips import IPS
from training.evaluation.judgement import Judgement, Question
from training.evaluation.log_chunk import LogChunk, logged_policy
from training.evaluation.paired import PairedDifference
from training.evaluation.round_labels import RoundLabels
from training.evaluation.rounds import evaluate_rounds
from training.evaluation.slices import Slice
from training.evaluation.snips import SNIPS
from training.evaluation.stream import judge_log
from training.evaluation.weight_histogram import EDGES, WeightHistogram

N_ROUNDS = 3_000


@dataclass(frozen=True)
class Chunked:
    """A log in memory with labels, handed out in pieces."""

    chunk: LogChunk
    size: int

    def chunks(self):
        whole = self.chunk
        for start in range(0, whole.feedback.n_rounds, self.size):
            rows = slice(start, start + self.size)
            behavior = None if whole.behavior is None else whole.behavior[rows]
            yield LogChunk(
                feedback=whole.feedback.take(rows), labels=whole.labels.take(rows), behavior=behavior
            )


@pytest.fixture(scope="module")
def log(world):
    return world.log(N_ROUNDS, seed=41)


@pytest.fixture(scope="module")
def whole(world, log):
    journeys = np.where(np.arange(N_ROUNDS) % 3 == 0, "wheel", "cart_reminder")
    behavior = world.behavior_probabilities(log.contexts)
    return LogChunk(feedback=log, labels=RoundLabels(texts={"journey": journeys}), behavior=behavior)


@pytest.fixture(scope="module")
def ours(world):
    return lambda chunk: world.evaluation_probabilities(chunk.feedback)


def uniform(chunk):
    return uniform_probabilities(chunk.feedback)


def judged(whole, size, **asked) -> Judgement:
    return judge_log(Chunked(whole, size), Question(**asked), np.random.default_rng(0))


def test_paired_differences_of_chunks_are_those_of_the_whole_log(world, log, whole, ours):
    found = judged(whole, 400, policy=ours, against=uniform).differences

    predictions, no_draws = cross_fit_rewards(log), np.zeros(N_ROUNDS)
    pair = [
        evaluate_rounds(log, each, no_draws, predictions)
        for each in (world.evaluation_probabilities(log), uniform_probabilities(log))
    ]
    for each, estimator in zip(found, (IPS(), SNIPS(), DR()), strict=True):
        paired = PairedDifference(estimator=estimator)
        expected = paired.estimate(paired.add_up(*pair))
        # the reward model's inputs are scaled as those of the first chunk are
        close = {"rel": 0.02} if estimator.name == "dr" else {"rel": 1e-9}
        assert (each.estimator, each.n_rounds) == (estimator.name, N_ROUNDS)
        assert (each.value, each.low, each.high) == pytest.approx(
            (expected.value, expected.low, expected.high), **close
        )


def test_a_policy_can_be_held_against_the_logged_one_of_which_only_the_chosen_actions_chance_is_known(
    log, whole, ours
):
    chosen_only = LogChunk(feedback=log, labels=whole.labels)

    found = judged(chosen_only, 400, policy=ours, against=logged_policy)

    assert [each.second for each in found.differences] == pytest.approx([log.rewards.mean()] * 3)


def test_each_text_of_a_label_is_a_slice_beside_those_asked_for(log, whole, ours):
    asked = Slice.parse("first>0 and journey=wheel")

    found = judged(whole, 700, policy=ours, against=uniform, slices=(asked,)).slices

    assert [each.name for each in found] == [asked.name, "journey=cart_reminder", "journey=wheel"]
    assert [each.n_rounds for each in found[1:]] == [2_000, 1_000]
    rows = whole.labels.texts["journey"] == "wheel"
    assert found[2].mean_reward == pytest.approx(log.rewards[rows].mean())
    assert all(each.estimate.low < each.estimate.value < each.estimate.high for each in found)
    assert all(each.difference.n_rounds == each.n_rounds for each in found)


def test_a_slice_without_rounds_says_so_and_one_of_an_unknown_input_is_an_error(whole, ours):
    found = judged(whole, 700, policy=ours, slices=(Slice.parse("first>99"),)).slices

    assert (found[0].n_rounds, found[0].estimate.reason) == (0, "no round to judge by")
    with pytest.raises(EvaluationError, match="no input or label third"):
        judged(whole, 700, policy=ours, slices=(Slice.parse("third>99"),))


def test_slices_and_actions_do_not_depend_on_the_size_of_the_chunks(whole, ours):
    one, many = (judged(whole, size, policy=ours, against=uniform) for size in (N_ROUNDS, 311))

    for a, b in zip(one.slices, many.slices, strict=True):
        assert (a.n_rounds, a.mean_reward) == pytest.approx((b.n_rounds, b.mean_reward))
        assert (a.estimate.value, a.difference.low) == pytest.approx(
            (b.estimate.value, b.difference.low), rel=5e-3
        )
    assert [vars(a) for a in one.actions] == [pytest.approx(vars(b)) for b in many.actions]
    assert one.weights.counts.tolist() == many.weights.counts.tolist()


def test_the_bounded_interval_of_chunks_is_that_of_the_whole_log(world, log, whole, ours):
    bounds = KnownBounds(lowest_reward=-9, highest_reward=9, least_propensity=0.05)

    found = judged(whole, 400, policy=ours, bounds=bounds).bernstein

    rounds = evaluate_rounds(log, world.evaluation_probabilities(log), np.zeros(N_ROUNDS))
    moments = IPS().add_up(rounds)
    assert found == pytest.approx(bernstein_interval(IPS(), moments, *bounds.of_weighted_rewards()))


def test_kinds_of_actions_are_weighed_chunk_by_chunk(whole, ours):
    each_its_own = np.arange(3)

    found = judged(whole, 400, policy=ours, kinds=each_its_own).evaluation

    values = {each.estimator: each.value for each in found.estimates}
    assert values["mips"] == pytest.approx(values["ips"])  # every action a kind of its own


def test_bootstrap_intervals_are_near_the_linearised_ones_in_every_row_and_difference(whole, ours):
    """The width from 1,000 resamples has a standard error of 4 %; replay's rejected rounds make its own a little coarser."""
    plain = judged(whole, 800, policy=ours, against=uniform)

    found = judged(whole, 800, policy=ours, against=uniform, n_resamples=1_000)

    assert found.n_resamples == 1_000
    pairs = [*zip(plain.evaluation.estimates, found.evaluation.estimates, strict=True)]
    pairs += [*zip(plain.differences, found.differences, strict=True)]
    for linearised, resampled in pairs:
        assert resampled.value == linearised.value
        width, wanted = resampled.high - resampled.low, linearised.high - linearised.low
        assert width == pytest.approx(wanted, rel=0.2)
        assert resampled.low < resampled.value < resampled.high


def test_without_overlap_rows_are_undefined_and_a_comparison_is_an_error(log):
    kept = LogChunk(feedback=log.take(log.actions != 2))

    def never_logged(chunk):
        return np.tile([0.0, 0.0, 1.0], (chunk.feedback.n_rounds, 1))

    found = judged(kept, 500, policy=never_logged)

    assert not any(isinstance(each, Estimate) for each in found.evaluation.estimates)
    assert found.weights.n_zero == found.weights.n_rounds
    with pytest.raises(NoOverlapError):
        judged(kept, 500, policy=never_logged, against=uniform)


def test_rewards_by_action_are_means_with_students_interval(log):
    found = ActionRewards.of(log).by_action(log.action_names, 0.95)

    rewards = log.rewards[log.actions == 1]
    error = rewards.std(ddof=1) / np.sqrt(len(rewards))
    assert [each.action for each in found] == ["none", "small", "large"]
    assert (found[1].n_rounds, found[1].mean) == (len(rewards), pytest.approx(rewards.mean()))
    assert found[1].high - found[1].mean == pytest.approx(1.96 * error, rel=0.01)


def test_an_action_whose_rewards_are_all_alike_gets_no_interval(log):
    quiet = log.take(log.actions != 0)
    alike = ActionRewards.of(quiet) + ActionRewards.of(quiet)

    never, *_ = alike.by_action(log.action_names, 0.95)

    assert never.n_rounds == 0
    assert np.isnan([never.mean, never.low]).all()
    constant = ActionRewards(counts=np.array([50.0]), means=np.zeros(1), squares=np.zeros(1))
    assert np.isnan(constant.by_action(("none",), 0.95)[0].low)


def test_the_histogram_counts_every_round_once_even_beyond_its_edges():
    weights = np.array([0.0, 1e-7, 1.0, 1.0, EDGES[3], 1e9])

    found = WeightHistogram.of(weights) + WeightHistogram.of(weights)

    assert (found.n_rounds, found.n_zero) == (12, 2)
    assert found.counts.sum() == 10
    assert (found.counts[0], found.counts[3], found.counts[-1]) == (2, 2, 2)
    assert found.sums.sum() == pytest.approx(2 * weights.sum())
    assert found.filled() == slice(0, len(EDGES) - 1)
