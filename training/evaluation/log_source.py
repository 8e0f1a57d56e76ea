"""A log by name: `KIND:REST` to logged feedback and the policies that can be named on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from models.feedback import Booleans, Floats, Integers, LoggedFeedback
from training.evaluation.diagnostics import ActionSums
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.evaluation import Evaluation
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk, PolicyOfChunk
from training.evaluation.log_notes import decision_log_notes
from training.evaluation.opened_log import OneChunk, OpenedLog
from training.evaluation.policy_source import policy_probabilities, registered_policy
from training.evaluation.round_labels import RoundLabels
from training.places import Places

Probabilities = Callable[[np.random.Generator], Floats]


@dataclass(frozen=True, kw_only=True)
class EvaluationLog:
    """Logged feedback, what a reader must know of it, and the policies that only this kind of log has, by name.

    A policy is a function from a generator to its probabilities on the log's rounds, `(n_rounds, n_actions)`; behavior
    holds the behaviour policy's where the log has more of them than the chosen action's; kinds `(n_actions,)` says which
    actions are of one kind, where that is known. labels: each round's journey, group and time, where the log knows them.
    undelivered: rounds left out because nothing arrived. faults: why no policy can be judged on it; none as a rule.
    """

    feedback: LoggedFeedback
    notes: tuple[str, ...]
    labels: RoundLabels = field(default_factory=RoundLabels)
    policies: Mapping[str, Probabilities] = field(default_factory=dict)
    behavior: Floats | None = None
    kinds: Integers | None = None
    undelivered: LogChunk | None = None
    faults: tuple[str, ...] = ()

    @property
    def undelivered_sums(self) -> ActionSums | None:
        """What the rounds not delivered say of how actions were chosen; None where there are none."""
        return ActionSums.of(self.undelivered.feedback) if self.undelivered else None

    def take(self, rows: Booleans) -> EvaluationLog:
        """The log of the chosen rounds alone, `(n_rounds,)`; its policies answer for those. Raises: `TooFewRoundsError`."""
        if not rows.any():
            raise TooFewRoundsError(f"none of {len(rows)} rounds is left; wanted at least 1")
        return replace(
            self,
            feedback=self.feedback.take(rows),
            labels=self.labels.take(rows),
            policies={name: _of_rounds(policy, rows) for name, policy in self.policies.items()},
            behavior=None if self.behavior is None else self.behavior[rows],
        )

    def rounds_since(self, moment: datetime) -> EvaluationLog:
        """The log of the rounds decided at the moment or later: those that a policy fitted on earlier ones has not seen.

        Raises: `LogError` where the log does not say when its rounds were decided, `TooFewRoundsError` when none is left.
        """
        rows = self.labels.since(moment)
        kept = self.take(rows)
        note = f"only the {rows.sum():,} of {len(rows):,} rounds decided since {moment.isoformat()}"
        undelivered = self.undelivered
        if undelivered is not None:
            undelivered = undelivered.take(undelivered.labels.since(moment))
        return replace(kept, notes=(note, *kept.notes), undelivered=undelivered)


def _of_rounds(policy: Probabilities, rows: Booleans) -> Probabilities:
    return lambda rng: policy(rng)[rows]


def open_log(
    name: str, places: Places, database_url: str = "", since: datetime | None = None
) -> EvaluationLog:
    """The log of that name, with what it needs kept in the folder of `places`; whole, or its rounds decided from `since` on.

    `database_url`: of our own decision log; by default SQLite in the folder's `log.db`. Raises: `LogError` naming the kinds
    there are, or where `since` is asked of a log without times; `TooFewRoundsError`.
    """
    log = _open(name, places, database_url)
    return log if since is None else log.rounds_since(since)


def _open(name: str, places: Places, database_url: str) -> EvaluationLog:
    kind, _, rest = name.partition(":")
    if kind == DECISIONS:
        return _decision_log(rest, places, database_url)
    if kind == "open-bandit":
        return _open_bandit_log(rest, places.var)
    raise LogError(f"no log {name!r}; wanted one of {', '.join(_KINDS)}")


DECISIONS: Final = "decisions"
_KINDS = (
    "decisions:[JOURNEY/]{channel|send_time|coupon|message}",
    "open-bandit:{random|bts}/{all|men|women}",
)


def _decision_log(rest: str, places: Places, database_url: str) -> EvaluationLog:
    from training.evaluation.log_store import read_decision_log

    journey, _, decision = rest.rpartition("/")
    log = read_decision_log(database_url or places.log_url, decision, journey or None)

    def champion(rng: np.random.Generator) -> Floats:
        del rng
        champion = registered_policy(places.registry_uri, decision, "champion")
        return policy_probabilities(champion.policy, log.feedback)

    return EvaluationLog(
        feedback=log.feedback,
        notes=decision_log_notes(log),
        labels=log.labels,
        undelivered=log.undelivered,
        policies={"champion": champion},
        behavior=log.probabilities,
        faults=log.faults,
    )


def _open_bandit_log(rest: str, folder: Path) -> EvaluationLog:
    from training.evaluation.open_bandit import bernoulli_thompson, fetch, read_sample

    package = fetch(folder / "packages")
    sample = read_sample(package, rest)
    feedback = sample.feedback
    notes = (
        f"a sample holds only {int(feedback.rewards.sum())} clicks in {feedback.n_rounds:,} rounds: fit for checking "
        "estimators, thin for conclusions",
        "a round is one of three places on the page; the value is clicks per place, over the log's mix of places",
    )
    policies = {"bernoulli-ts": lambda rng: bernoulli_thompson(package, sample, rng)}
    return EvaluationLog(
        feedback=feedback, notes=notes, policies=policies, behavior=sample.behavior, kinds=sample.kinds
    )


def in_memory(log: EvaluationLog, rng: np.random.Generator) -> OpenedLog:
    """The log as one chunk to judge by; the generator is that of its simulated policies, each asked once."""
    return OpenedLog(
        source=OneChunk(chunk=LogChunk(feedback=log.feedback, labels=log.labels, behavior=log.behavior)),
        notes=log.notes,
        policies={name: _asked_once(policy, rng) for name, policy in log.policies.items()},
        kinds=log.kinds,
        undelivered=log.undelivered_sums,
        faults=log.faults,
    )


def _asked_once(policy: Probabilities, rng: np.random.Generator) -> PolicyOfChunk:
    @cache
    def probabilities() -> Floats:
        return policy(rng)

    return lambda _: probabilities()


def evaluate_named_policy(
    log: EvaluationLog, policy: str, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of `uniform`, `logged`, one of the log's own policies or one saved in a folder.

    Raises: `PolicyError` naming those there are.
    """
    opened = in_memory(log, rng)
    return opened.judge(Question(policy=opened.policy(policy), level=level), rng).evaluation
