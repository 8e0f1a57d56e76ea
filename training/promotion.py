"""Promotion: the `champion` alias moves to a challenger when its gate opens, or by force with a reason, both on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np

from models.artifact import Artifact, ArtifactError
from models.catalogue import load_policy
from models.inputs import SCORES
from models.policy import Policy
from training.champion import read_version
from training.evaluation.errors import LogError, PolicyError, TooFewRoundsError
from training.evaluation.gate import Condition, GateReport, PolicyGate
from training.evaluation.log_source import EvaluationLog, open_log
from training.evaluation.policy_source import policy_probabilities
from training.evaluation.slices import cut_slices
from training.places import Places
from training.policies import DECISIONS
from training.policy_fit import PolicyFitError, data_fingerprint, learned_until, teach_rounds
from training.registry import CHALLENGER, CHAMPION, GATE_TAG, ModelRegistry, RunRecord

POLICIES: Final = DECISIONS

LEAST_UNSEEN: Final = 20
"""Rounds without which nothing is estimated at all; how many it takes to conclude is the gate's to say."""


class PromotionError(ValueError):
    """A promotion that cannot even be judged; the message says what was found and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class Contenders:
    """The registered model, the version that wants to be champion and the one that is."""

    name: str
    challenger: str
    champion: str


@dataclass(frozen=True, kw_only=True)
class PolicyTrial:
    """What a policy is judged on: a log, named slices of it, and how much better it must be."""

    log: str = ""
    database_url: str = ""
    slices: Sequence[str] = ()
    gate: PolicyGate = field(default_factory=PolicyGate)


def find_contenders(registry: ModelRegistry, name: str, version: str = "") -> Contenders:
    """The version named, or the one that `challenger` points to, and the champion. Raises: `PromotionError`."""
    if name not in (*POLICIES, *SCORES):
        raise PromotionError(f"no model {name!r}; wanted one of {[*POLICIES, *SCORES]}")
    champion, challenger = (
        registry.version_of(name, CHAMPION),
        version or registry.version_of(name, CHALLENGER),
    )
    if champion is None:
        raise PromotionError(f"{name} has no champion to be compared with: `fit` registers the first one")
    if challenger is None:
        raise PromotionError(
            f"{name} has no challenger: name a --version, or register one by "
            f"`fit {'policy ' + name + ' --from-log' if name in POLICIES else 'scorers --challenger'}`"
        )
    if challenger == champion:
        raise PromotionError(f"version {challenger} of {name} is the champion already")
    return Contenders(name=name, challenger=challenger, champion=champion)


def judge_policy(places: Places, contenders: Contenders, trial: PolicyTrial) -> GateReport:
    """The gate's report on two registered policies, on rounds that neither was fitted on.

    Where one of them learnt from the log (`learned_until` in its manifest), only rounds decided since are judged, and each
    stands there as it would have, had it been champion: the rounds before that moment which it had not learnt are learnt
    first, as the learner does. Else a challenger could win by what the champion has long learnt, too.

    By default on the decision log of what the policy decides. A log or a policy that cannot be judged fails the gate, too;
    a slice that the log does not have is an `EvaluationError`.
    """
    try:
        log = open_log(trial.log or f"decisions:{POLICIES[contenders.name]}", places, trial.database_url)
        artifacts = [
            read_version(places.registry_uri, contenders.name, version)
            for version in (contenders.challenger, contenders.champion)
        ]
        unseen, judged = split_unseen(log, artifacts)
        if judged is None:
            return GateReport(conditions=(unseen,))
        challenger, champion = (
            policy_probabilities(_standing(contenders.name, each, log, judged), judged.log.feedback)
            for each in artifacts
        )
        slices = cut_slices(judged.log.feedback, trial.slices, judged.log.labels)
        report = trial.gate.judge(
            judged.log.feedback, challenger, champion, slices, judged.log.undelivered_sums
        )
        faults = [Condition(name="log", holds=False, detail=fault) for fault in log.faults]
        fitted = () if trial.log else same_fitted_rounds(log, artifacts[0])
        return replace(report, conditions=(*faults, unseen, *fitted, *report.conditions))
    except (LogError, PolicyError, TooFewRoundsError) as error:
        return GateReport(conditions=(Condition(name="log", holds=False, detail=str(error)),))


@dataclass(frozen=True, kw_only=True)
class JudgedRounds:
    """The rounds to judge on, those decided since a moment; None: all, neither policy having learnt from a log."""

    log: EvaluationLog
    since: datetime | None


def split_unseen(log: EvaluationLog, artifacts: Sequence[Artifact]) -> tuple[Condition, JudgedRounds | None]:
    """The rounds that none of the policies was fitted on, None where there are none, and what that says as a condition.

    Raises: `LogError` when a policy was fitted on a log and this one does not say when its rounds were decided.
    """
    moments = [moment for each in artifacts if (moment := learned_until(each.manifest)) is not None]
    n_rounds = log.feedback.n_rounds
    if not moments:
        told = f"all {n_rounds:,}: neither policy was fitted on a log"
        return Condition(name="unseen rounds", holds=True, detail=told), JudgedRounds(log=log, since=None)
    since = max(moments)
    n_unseen = int(np.count_nonzero(log.labels.since(since)))
    told = f"{n_unseen:,} of {n_rounds:,} decided since {since.isoformat()}, up to when a policy was fitted"
    condition = Condition(name="unseen rounds", holds=n_unseen >= LEAST_UNSEEN, detail=told)
    if not condition.holds:
        return replace(condition, detail=f"{told}; wanted {LEAST_UNSEEN} at least"), None
    return condition, JudgedRounds(log=log.rounds_since(since), since=since)


def same_fitted_rounds(log: EvaluationLog, challenger: Artifact) -> tuple[Condition, ...]:
    """Whether the rounds that the challenger was fitted on are still in the log as it learnt them; nothing if on none.

    Where a refund or a late report changed one since, the learner could not take the old reward out again: it corrects what
    was learnt by the policy that decided then.
    """
    until = learned_until(challenger.manifest)
    if until is None:
        return ()
    found = data_fingerprint(log.feedback.take(~log.labels.since(until)))
    same = found == challenger.manifest["data_fingerprint"]
    detail = "as they were learnt" if same else "changed since they were learnt, or are gone: fit it anew"
    return (
        Condition(name="fitted rounds", holds=same, detail=f"those before {until.isoformat()} are {detail}"),
    )


def judge_scorer(
    places: Places, contenders: Contenders, dataset: str, rng: np.random.Generator
) -> GateReport:
    """The gate's report on two registered scorers, on a data set. Raises: `DatasetError`, `ArtifactError`."""
    from training.scorers.gate import hold_contest, judge_contest

    challenger, champion = (
        read_version(places.registry_uri, contenders.name, version)
        for version in (contenders.challenger, contenders.champion)
    )
    contest = hold_contest(places.var, dataset, challenger, champion)
    return judge_contest(contest, challenger, champion, rng)


def settle(registry: ModelRegistry, contenders: Contenders, report: GateReport, reason: str = "") -> bool:
    """Whether the challenger is champion now: when the gate opened, or where a reason forces it.

    Either way what was found is a run, and the challenger's version is tagged with the outcome, what failed and the reason.
    """
    promoted = report.opens or bool(reason)
    tags = {GATE_TAG: "passed" if report.opens else f"refused: {', '.join(report.failed)}"}
    if reason and not report.opens:
        tags["forced_because"] = reason
    with registry.run(f"promotion gate {contenders.name}") as run_id:
        registry.log(run_id, _record(contenders, report, tags))
    registry.tag_version(contenders.name, contenders.challenger, {**tags, "gate_run": run_id})
    if promoted:
        registry.promote(contenders.name, contenders.challenger)
    return promoted


def _record(contenders: Contenders, report: GateReport, tags: Mapping[str, str]) -> RunRecord:
    lines = [
        f"- {'ok' if each.holds else 'FAILED'} **{each.name}**: {each.detail}" for each in report.conditions
    ]
    found = report.difference
    numbers = ("first", "second", "value", "low", "high", "effective_sample_size")
    finite = {name: getattr(found, name) for name in numbers if found and np.isfinite(getattr(found, name))}
    return RunRecord(
        parameters=vars(contenders),
        metrics={f"difference_{name}": float(number) for name, number in finite.items()},
        tags=tags,
        files={
            "gate.md": "\n".join([f"# {contenders.name}, version {contenders.challenger}", "", *lines, ""])
        },
    )


def _standing(name: str, artifact: Artifact, log: EvaluationLog, judged: JudgedRounds) -> Policy:
    """The policy as it would stand where judging begins: rounds decided before and not yet learnt are learnt."""
    try:
        policy = load_policy(artifact)
        if judged.since is None or not policy.learns_online:
            return policy
        rows = ~log.labels.since(judged.since)
        learnt = learned_until(artifact.manifest)
        if learnt is not None:
            rows &= log.labels.since(learnt)
        return teach_rounds(policy, log.feedback.take(rows))
    except ArtifactError as error:
        raise PromotionError(f"the artifact is no {name}: {error}") from error
    except PolicyFitError as error:
        raise PolicyError(str(error)) from error
