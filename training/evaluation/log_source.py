"""A log by name: `KIND:REST` to logged feedback and the policies that can be named on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from models.feedback import Booleans, Floats, Integers, LoggedFeedback
from training.evaluation.bernstein import KnownBounds, bernstein_interval
from training.evaluation.decision_log import DecisionLog
from training.evaluation.dr import DR
from training.evaluation.errors import LogError, PolicyError, TooFewRoundsError
from training.evaluation.evaluation import (
    ActionKinds,
    Evaluation,
    evaluate_behavior_policy,
    evaluate_policy,
    uniform_probabilities,
)
from training.evaluation.ips import IPS
from training.evaluation.paired import Difference, PairedDifference
from training.evaluation.policy_source import champion_policy, policy_probabilities, saved_policy
from training.evaluation.reward_model import cross_fit_rewards
from training.evaluation.round_labels import RoundLabels
from training.evaluation.rounds import evaluate_rounds
from training.evaluation.snips import SNIPS
from training.evaluation.verdict import refuse_for
from training.places import Places

Probabilities = Callable[[np.random.Generator], Floats]


@dataclass(frozen=True, kw_only=True)
class EvaluationLog:
    """Logged feedback, what a reader must know of it, and the policies that only this kind of log has, by name.

    A policy is a function from a generator to its probabilities on the log's rounds, `(n_rounds, n_actions)`; behavior
    holds the behaviour policy's where the log has more of them than the chosen action's; kinds `(n_actions,)` says which
    actions are of one kind, where that is known. labels: each round's journey, group and time, where the log knows them.
    faults: why no policy can be judged on it; none as a rule.
    """

    feedback: LoggedFeedback
    notes: tuple[str, ...]
    labels: RoundLabels = field(default_factory=RoundLabels)
    policies: Mapping[str, Probabilities] = field(default_factory=dict)
    behavior: Floats | None = None
    kinds: Integers | None = None
    faults: tuple[str, ...] = ()

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
        return replace(kept, notes=(note, *kept.notes))


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
    if kind == "decisions":
        return _decision_log(rest, places, database_url)
    if kind == "open-bandit":
        return _open_bandit_log(rest, places.var)
    raise LogError(f"no log {name!r}; wanted one of {', '.join(_KINDS)}")


_KINDS = (
    "decisions:[JOURNEY/]{channel|send_time|coupon|message}",
    "open-bandit:{random|bts}/{all|men|women}",
)


def _decision_log(rest: str, places: Places, database_url: str) -> EvaluationLog:
    from training.evaluation.log_store import read_decision_log

    journey, _, decision = rest.rpartition("/")
    log = read_decision_log(database_url or f"sqlite:///{places.var / 'log.db'}", decision, journey or None)

    def champion(rng: np.random.Generator) -> Floats:
        del rng
        return policy_probabilities(champion_policy(places.registry_uri, decision), log.feedback)

    return EvaluationLog(
        feedback=log.feedback,
        notes=decision_log_notes(log),
        labels=log.labels,
        policies={"champion": champion},
        behavior=log.probabilities,
        faults=tuple(filter(None, (ratio.fault for ratio in log.sample_ratios))),
    )


_UNITS = {"click": "clicks", "net_value": "thousands of the shop's currency"}


def decision_log_notes(log: DecisionLog) -> tuple[str, ...]:
    """What the rounds are of, which decisions are not among them, and what the value means."""
    journeys = [f"{journey} {n:,}" for (journey, _), n in sorted(log.n_by_journey.items())]
    units = sorted({_UNITS.get(kind, kind) for _, kind in log.n_by_journey})
    notes = [f"rounds by journey: {', '.join(journeys)}; rewards in {' and in '.join(units)}"]
    if len(units) > 1:
        notes.append("rewards of different units are mixed: name one JOURNEY")
    if log.delay is not None:
        notes.append(
            f"half of {log.delay.n_outcomes:,} clicks and purchases came within {log.delay.median_hours:.1f} h, 95% within "
            f"{log.delay.late_hours:.1f} h"
        )
    if log.n_left_out:
        counts = [f"{n:,} {reason}" for reason, n in sorted(log.n_left_out.items())]
        notes.append(f"decisions left out: {', '.join(counts)}")
    notes.append(
        "the value is per delivered decision, the choices around this one staying as they were logged"
    )
    return tuple(notes)


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


def evaluate_named_policy(
    log: EvaluationLog, policy: str, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of `uniform`, `logged`, one of the log's own policies or one saved in a folder.

    Raises: `PolicyError` naming those there are.
    """
    evaluation = _evaluate(log, policy, rng, level)
    return replace(evaluation, verdict=refuse_for(evaluation.verdict, log.faults))


def compare_named_policies(
    log: EvaluationLog, policy: str, against: str, rng: np.random.Generator, level: float = 0.95
) -> tuple[Difference, ...]:
    """The policy's value less the other's on the same rounds, by IPS, SNIPS and DR with one reward model for both.

    Raises: `PolicyError` as `evaluate_named_policy` does, and for `logged` on a log that holds the chosen actions'
    probabilities only; `NoOverlapError`.
    """
    predictions, no_draws = cross_fit_rewards(log.feedback), np.zeros(log.feedback.n_rounds)
    first, second = (
        evaluate_rounds(log.feedback, _probabilities(log, name, rng), no_draws, predictions)
        for name in (policy, against)
    )
    paired = (PairedDifference(estimator=each) for each in (IPS(), SNIPS(), DR()))
    return tuple(each.estimate(each.add_up(first, second), level) for each in paired)


def bernstein_note(
    log: EvaluationLog, policy: str, bounds: KnownBounds, rng: np.random.Generator, level: float = 0.95
) -> str:
    """The empirical Bernstein interval of IPS in words. Raises: `PolicyError`; `EvaluationError` outside the bounds."""
    no_draws = np.zeros(log.feedback.n_rounds)
    rounds = evaluate_rounds(log.feedback, _probabilities(log, policy, rng), no_draws)
    low, high = bernstein_interval(IPS(), IPS().add_up(rounds), *bounds.of_weighted_rewards(), level)
    return (
        f"without assuming normality (empirical Bernstein, ips): {low:.4g} to {high:.4g}, {level:.0%} or more"
    )


def _evaluate(log: EvaluationLog, policy: str, rng: np.random.Generator, level: float) -> Evaluation:
    if policy == "logged" and log.behavior is None:
        return evaluate_behavior_policy(log.feedback, rng, level)
    kinds = None
    if log.behavior is not None and log.kinds is not None:
        kinds = ActionKinds(kinds=log.kinds, behavior=log.behavior)
    return evaluate_policy(log.feedback, _probabilities(log, policy, rng), rng, level, kinds)


def _probabilities(log: EvaluationLog, policy: str, rng: np.random.Generator) -> Floats:
    if policy == "logged" and log.behavior is not None:
        return log.behavior
    if policy == "uniform":
        return uniform_probabilities(log.feedback)
    if policy in log.policies:
        return log.policies[policy](rng)
    if Path(policy).is_dir():
        return policy_probabilities(saved_policy(Path(policy)), log.feedback)
    names = ["uniform", "logged", *log.policies]
    raise PolicyError(f"no policy {policy!r}; wanted one of {names} or the folder of a saved one")
