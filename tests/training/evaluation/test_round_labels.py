from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from models.feedback import LoggedFeedback
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk, logged_policy
from training.evaluation.opened_log import OneChunk, OpenedLog
from training.evaluation.round_labels import RoundLabels
from training.evaluation.round_window import RoundWindow, count_rounds, in_batches, whole_feedback

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR_US = 3_600_000_000


def log(labels: RoundLabels | None = None) -> OpenedLog:
    """Four rounds, decided at noon and each hour after it."""
    noon_us = int(NOON.timestamp()) * 1_000_000
    feedback = LoggedFeedback(
        contexts=np.empty((4, 0)),
        actions=np.array([0, 1, 0, 1]),
        rewards=np.array([0.0, 1.0, 2.0, 3.0]),
        propensities=np.full(4, 0.5),
        eligible=np.ones((4, 2), dtype=np.bool_),
        input_names=(),
        action_names=("email", "sms"),
    )
    hours = noon_us + HOUR_US * np.arange(4)
    told = labels or RoundLabels(texts={"journey": np.array(["a", "b", "c", "d"])}, decided_at_us=hours)
    late = RoundLabels(decided_at_us=noon_us + 3 * HOUR_US * np.arange(2))
    rounds = LogChunk(feedback=feedback, labels=told, behavior=np.full((4, 2), 0.5))
    return OpenedLog(
        source=OneChunk(chunk=rounds),
        undelivered=OneChunk(chunk=LogChunk(feedback=feedback.take(slice(0, 2)), labels=late)),
    )


def test_rounds_before_the_moment_are_dropped_with_all_that_belongs_to_them():
    kept = log().since(NOON + timedelta(hours=2))

    (chunk,) = kept.source.chunks()
    assert chunk.feedback.rewards.tolist() == [2.0, 3.0]
    assert chunk.labels.texts["journey"].tolist() == ["c", "d"]
    assert chunk.behavior.shape == (2, 2)
    assert kept.undelivered_sums().chosen.tolist() == [0, 1]


def test_the_moment_itself_counts_in_any_zone_and_to_the_microsecond():
    elsewhere = NOON.astimezone(timezone(timedelta(hours=3, minutes=30)))

    assert count_rounds(log().since(elsewhere).source) == 4
    assert count_rounds(log().since(elsewhere + timedelta(microseconds=1)).source) == 3


def test_a_window_ends_before_its_end_and_may_be_empty():
    hour, source = timedelta(hours=1), log().source

    assert [c.feedback.rewards.tolist() for c in RoundWindow(source=source, end=NOON + hour).chunks()] == [
        [0]
    ]
    assert count_rounds(RoundWindow(source=source, begin=NOON + hour, end=NOON + 3 * hour)) == 2
    assert list(RoundWindow(source=source, begin=NOON + hour, end=NOON + hour).chunks()) == []


def test_no_round_left_and_a_log_without_times_are_errors():
    question, rng = Question(policy=logged_policy), np.random.default_rng(0)

    with pytest.raises(TooFewRoundsError, match="holds no rounds"):
        log().since(NOON + timedelta(days=1)).judge(question, rng)
    with pytest.raises(LogError, match="does not say when"):
        log(RoundLabels(texts={})).since(NOON).judge(question, rng)


@pytest.mark.parametrize("size", [1, 3, 4, 7, 100])
def test_batches_are_of_the_size_asked_for_however_the_chunks_are_cut(size):
    whole = whole_feedback(log().source)
    chunks = [LogChunk(feedback=whole.take(slice(begin, end))) for begin, end in ((0, 1), (1, 3), (3, 4))]
    source = Pieces(chunks * 3)

    batches = list(in_batches(source, size))

    assert [batch.n_rounds for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert 0 < batches[-1].n_rounds <= size
    assert np.concatenate([batch.rewards for batch in batches]).tolist() == [0.0, 1.0, 2.0, 3.0] * 3


@dataclass(frozen=True)
class Pieces:
    """A log in these chunks."""

    pieces: list[LogChunk]

    def chunks(self):
        return self.pieces
