from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from models.feedback import LoggedFeedback
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.log_chunk import LogChunk
from training.evaluation.log_source import EvaluationLog
from training.evaluation.round_labels import RoundLabels

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR_US = 3_600_000_000


def log(labels: RoundLabels | None = None) -> EvaluationLog:
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
    return EvaluationLog(
        feedback=feedback,
        notes=("simulated",),
        labels=labels
        or RoundLabels(
            texts={"journey": np.array(["a", "b", "c", "d"])}, decided_at_us=noon_us + HOUR_US * np.arange(4)
        ),
        policies={"numbered": lambda _: np.column_stack([np.arange(4.0), 1 - np.arange(4.0)])},
        behavior=np.full((4, 2), 0.5),
        undelivered=LogChunk(
            feedback=feedback.take(slice(0, 2)),
            labels=RoundLabels(decided_at_us=noon_us + 3 * HOUR_US * np.arange(2)),
        ),
    )


def test_rounds_before_the_moment_are_dropped_with_all_that_belongs_to_them():
    kept = log().rounds_since(NOON + timedelta(hours=2))

    assert kept.feedback.rewards.tolist() == [2.0, 3.0]
    assert kept.labels.texts["journey"].tolist() == ["c", "d"]
    assert kept.policies["numbered"](np.random.default_rng(0))[:, 0].tolist() == [2.0, 3.0]
    assert kept.behavior.shape == (2, 2)
    assert kept.undelivered.feedback.rewards.tolist() == [1.0]
    assert kept.notes[0] == "only the 2 of 4 rounds decided since 2024-05-01T14:00:00+00:00"


def test_the_moment_itself_counts_in_any_zone_and_to_the_microsecond():
    elsewhere = NOON.astimezone(timezone(timedelta(hours=3, minutes=30)))

    assert log().rounds_since(elsewhere).feedback.n_rounds == 4
    assert log().rounds_since(elsewhere + timedelta(microseconds=1)).feedback.n_rounds == 3


def test_no_round_left_and_a_log_without_times_are_errors():
    with pytest.raises(TooFewRoundsError, match="none of 4 rounds is left"):
        log().rounds_since(NOON + timedelta(days=1))
    with pytest.raises(LogError, match="does not say when"):
        log(RoundLabels(texts={})).rounds_since(NOON)
