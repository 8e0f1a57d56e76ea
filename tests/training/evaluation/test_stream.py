"""Logs in chunks: the sums of the streamed evaluation against those of the whole log in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from models.context import Standardizer
from models.feedback import Floats, LoggedFeedback
from tests.training.evaluation.in_memory import cross_fit_rewards
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.evaluation import standard_estimators, uniform_probabilities
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk
from training.evaluation.reward_sums import FoldSums, RidgeSums
from training.evaluation.round_file import RoundColumns, RoundFile
from training.evaluation.rounds import evaluate_rounds
from training.evaluation.stream import judge_log

TEXTS = ("estimator", "caveat")


@dataclass(frozen=True)
class Chunked:
    """A log in memory, handed out in pieces."""

    feedback: LoggedFeedback
    size: int

    def chunks(self):
        for start in range(0, self.feedback.n_rounds, self.size):
            yield LogChunk(feedback=self.feedback.take(slice(start, start + self.size)))


def judged(source, policy):
    question = Question(policy=lambda chunk: policy(chunk.feedback))
    return judge_log(source, question, np.random.default_rng(0)).evaluation


@pytest.fixture(scope="module")
def log(world):
    return world.log(3_000, seed=31)


def fit_and_predict(train: LoggedFeedback, design: Floats, ridge: float) -> Floats:
    """The two-step ridge from the rounds themselves, `(n_rounds, n_actions)`, slow and obvious."""
    mean = train.rewards.mean()
    common = _coefficients(design, train.rewards - mean, ridge)
    left_over = train.rewards - mean - design @ common
    own = [
        _coefficients(design[mine], left_over[mine], ridge) for mine in train.actions == np.arange(3)[:, None]
    ]
    return mean + (design @ common)[:, None] + design @ np.array(own).T


def _coefficients(design: Floats, rewards: Floats, ridge: float) -> Floats:
    return np.linalg.solve(design.T @ design + ridge * np.eye(design.shape[1]), design.T @ rewards)


def test_the_model_from_sums_is_the_model_from_rounds(log):
    standardizer = Standardizer.fit(log.contexts)
    design = standardizer.design(log.contexts)
    sums = RidgeSums.of(design, log.actions, log.rewards, 3)

    coefficients = sums.coefficients(100.0)

    assert design @ coefficients.T == pytest.approx(fit_and_predict(log, design, 100.0), abs=1e-9)
    errors = log.rewards - (design @ coefficients.T)[np.arange(3_000), log.actions]
    assert sums.squared_error(coefficients) == pytest.approx(errors @ errors, rel=1e-9)


def test_a_round_does_not_change_the_model_of_its_own_fold(log):
    design = Standardizer.fit(log.contexts).design(log.contexts)
    rewards = log.rewards.copy()
    rewards[9] += 1_000

    before, after = (FoldSums.of(design, log.actions, r, 3).cross_fit() for r in (log.rewards, rewards))

    assert (before[0] == after[0]).all()
    assert not (before[1] == after[1]).all()


def test_the_streamed_evaluation_says_what_the_estimators_say_of_the_whole_log(world, log):
    policy = world.evaluation_probabilities

    streamed = judged(Chunked(log, 3_000), policy)

    draws = np.random.default_rng(0).random(3_000)
    rounds = evaluate_rounds(log, policy(log), draws, cross_fit_rewards(log))
    for found, estimator in zip(streamed.estimates, standard_estimators(rounds), strict=True):
        expected = estimator.estimate(estimator.add_up(rounds))
        told, wanted = ({k: v for k, v in vars(each).items() if k not in TEXTS} for each in (found, expected))
        assert found.estimator == expected.estimator
        assert told == pytest.approx(wanted, rel=1e-9)


def test_the_size_of_the_chunks_changes_nothing_but_the_scaling_of_the_model(world, log):
    policy = world.evaluation_probabilities

    one, many = (judged(Chunked(log, size), policy) for size in (3_000, 701))

    for a, b in zip(one.estimates, many.estimates, strict=True):
        assert (a.value, a.low) == pytest.approx((b.value, b.low), rel=1e-3)
    assert many.diagnostics.pareto_k == one.diagnostics.pareto_k


def test_an_empty_log_is_an_error(log):
    with pytest.raises(TooFewRoundsError, match="holds no rounds"):
        judged(Chunked(log.take(slice(0, 0)), 10), uniform_probabilities)


TABLE = pa.table(
    {
        "segment": ["womens", "mens", "none", "mens"],
        "spend": [0.0, 20.5, 0.0, 1.0],
        "recency": [1, 2, None, 4],
        "p": [0.5, 0.25, 0.25, 0.25],
    }
)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_that_is_not_ours_is_read_by_its_own_column_names(suffix, tmp_path):
    path = tmp_path / f"mail.{suffix}"
    if suffix == "csv":
        pa.csv.write_csv(TABLE, path)
    else:
        pa.parquet.write_table(TABLE, path)

    columns = RoundColumns(action="segment", reward="spend", propensity="p", inputs=("recency",))
    (chunk,) = RoundFile.open(path, columns).chunks()

    feedback = chunk.feedback
    assert feedback.action_names == ("mens", "none", "womens")
    assert feedback.actions.tolist() == [2, 0, 1, 0]
    assert feedback.propensities.tolist() == [0.5, 0.25, 0.25, 0.25]
    assert np.isnan(feedback.contexts[2, 0])


def test_a_randomised_test_has_one_propensity_for_all(tmp_path):
    pa.parquet.write_table(TABLE, tmp_path / "mail.parquet")

    columns = RoundColumns(action="segment", reward="spend", propensity=1 / 3)
    (chunk,) = RoundFile.open(tmp_path / "mail.parquet", columns).chunks()

    assert chunk.feedback.propensities.tolist() == [1 / 3] * 4


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (RoundColumns(action="segment", reward="sales", propensity=0.5), r"no column \['sales'\]; it has"),
        (RoundColumns(action="segment", reward="spend", propensity="spend"), "rows from 0: propensities"),
        (RoundColumns(action="spend", reward="segment", propensity="p"), "segment does not hold numbers"),
        (RoundColumns(action="segment", reward="recency", propensity="p"), "rewards: round 2 has nan"),
    ],
)
def test_a_file_that_cannot_be_rounds_is_refused_with_what_is_wrong(columns, message, tmp_path):
    pa.parquet.write_table(TABLE, tmp_path / "mail.parquet")

    with pytest.raises(LogError, match=message):
        list(RoundFile.open(tmp_path / "mail.parquet", columns).chunks())
