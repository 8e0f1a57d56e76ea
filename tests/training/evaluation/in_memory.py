"""Logs whole in memory, for tests that look at single rounds; what is shipped reads them in chunks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from models.feedback import Floats, Integers, LoggedFeedback
from training.evaluation.decision_source import Selection, spool_decisions
from training.evaluation.evaluation import Evaluation
from training.evaluation.first_pass import read_first
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk, logged_policy
from training.evaluation.log_request import LogRequest, open_requested
from training.evaluation.log_store import open_store
from training.evaluation.log_summary import LogSummary
from training.evaluation.opened_log import OneChunk
from training.evaluation.round_buffer import LogRow
from training.evaluation.round_labels import RoundLabels
from training.evaluation.round_spool import SpooledLog, spool_rounds
from training.evaluation.stream import judge_log
from training.places import Places


@dataclass(frozen=True, kw_only=True)
class WholeLog(LogSummary):
    """A decision log's rounds, with the behaviour policy's whole distribution; no undelivered: None."""

    feedback: LoggedFeedback
    probabilities: Floats
    labels: RoundLabels
    undelivered: LogChunk | None = None


def whole_log(log: SpooledLog) -> WholeLog:
    """The log of fewer rounds than a chunk holds."""
    (chunk,) = log.rounds.chunks()
    return WholeLog(
        feedback=chunk.feedback,
        labels=chunk.labels,
        probabilities=chunk.behavior,
        undelivered=next(log.undelivered.chunks(), None),
        **{name: getattr(log, name) for name in LogSummary.__dataclass_fields__},
    )


def collect_rounds(rows: Iterable[LogRow], **asked: Any) -> WholeLog:
    """The rounds to judge by among these rows."""
    with TemporaryDirectory() as folder:
        return whole_log(spool_rounds(rows, folder=Path(folder), **asked))


def read_decision_log(url: str, decision: str, journey: str | None = None) -> WholeLog:
    """The rounds to judge by in the log at a database URL."""
    with TemporaryDirectory() as folder, open_store(url) as store:
        return whole_log(spool_decisions(store, Selection(decision=decision, journey=journey), Path(folder)))


def cross_fit_rewards(feedback: LoggedFeedback) -> Floats:
    """Predicted rewards `(n_rounds, n_actions)`, each from a model that did not see its round."""
    source = OneChunk(chunk=LogChunk(feedback=feedback))
    return read_first(source, Question(policy=logged_policy)).predictions(feedback, 0)


def evaluate_policy(
    feedback: LoggedFeedback,
    probabilities: Floats | None,
    *,
    behavior: Floats | None = None,
    kinds: Integers | None = None,
) -> Evaluation:
    """The evaluation of a policy with these probabilities on the rounds; None: of the policy that wrote the log."""
    source = OneChunk(chunk=LogChunk(feedback=feedback, behavior=behavior))
    question = Question(policy=lambda _: probabilities, kinds=kinds)
    return judge_log(source, question, np.random.default_rng(0)).evaluation


def evaluate_named(
    name: str, policy: str, places: Places, *, database_url: str = "", level: float = 0.95
) -> Evaluation:
    """The evaluation of a policy named on a log that is named."""
    rng = np.random.default_rng(0)
    with open_requested(LogRequest(name=name, database_url=database_url), places, rng) as log:
        return log.judge(Question(policy=log.policy(policy), level=level), rng).evaluation
