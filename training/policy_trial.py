"""A registered policy on trial against the champion: both on rounds that neither was fitted on, before the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np

from models.artifact import Artifact, ArtifactError
from models.catalogue import load_policy
from models.policy import Policy
from training.champion import read_version
from training.evaluation.errors import LogError, PolicyError, TooFewRoundsError
from training.evaluation.gate import Condition, GateReport, PolicyGate
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import PolicyOfChunk, RoundSource
from training.evaluation.log_name import DecisionLogName
from training.evaluation.log_request import LogRequest, open_requested
from training.evaluation.opened_log import OpenedLog
from training.evaluation.policy_source import policy_probabilities
from training.evaluation.round_segments import RoundSegments
from training.evaluation.round_window import RoundWindow, count_rounds
from training.evaluation.slices import Slice
from training.places import Places
from training.policies import DECISIONS
from training.policy_fit import PolicyFitError, data_fingerprint, learned_until, teach_rounds
from training.promotion import Contenders, PromotionError

LEAST_UNSEEN: Final = 20
"""Rounds without which nothing is estimated at all; how many it takes to conclude is the gate's to say."""


@dataclass(frozen=True, kw_only=True)
class PolicyTrial:
    """What a policy is judged on: a log, named slices of it, and how much better it must be."""

    log: str = ""
    database_url: str = ""
    slices: Sequence[str] = ()
    gate: PolicyGate = field(default_factory=PolicyGate)
    segments: RoundSegments | None = None
    """Those that the slices name."""


def judge_policy(places: Places, contenders: Contenders, trial: PolicyTrial) -> GateReport:
    """The gate's report on two registered policies, on rounds that neither was fitted on.

    Where one of them learnt from the log (`learned_until` in its manifest), only rounds decided since are judged, and each
    stands there as it would have, had it been champion: the rounds before that moment which it had not learnt are learnt
    first, as the learner does. Else a challenger could win by what the champion has long learnt, too.

    By default on the decision log of what the policy decides. A log or a policy that cannot be judged fails the gate, too;
    a slice that the log does not have is an `EvaluationError`.
    """
    decision = DECISIONS[contenders.name]
    request = LogRequest(
        name=trial.log or f"decisions:{decision}",
        decision=decision,
        database_url=trial.database_url,
        segments=trial.segments,
    )
    artifacts = [
        read_version(places.registry_uri, contenders.name, version)
        for version in (contenders.challenger, contenders.champion)
    ]
    try:
        named = DecisionLogName.parse(request.name, decision)
        with open_requested(request, places, np.random.default_rng(0)) as log:
            unseen, since = find_unseen(log.source, artifacts)
            if not unseen.holds:
                return GateReport(conditions=(unseen,))
            faults = [Condition(name="log", holds=False, detail=fault) for fault in log.faults]
            is_whole = named is not None and named.is_whole(decision)
            fitted = same_fitted_rounds(log.source, artifacts[0]) if is_whole else ()
            report = _judge(log, since, contenders.name, artifacts, trial)
        return replace(report, conditions=(*faults, unseen, *fitted, *report.conditions))
    except (LogError, PolicyError, TooFewRoundsError) as error:
        return GateReport(conditions=(Condition(name="log", holds=False, detail=str(error)),))


def find_unseen(rounds: RoundSource, artifacts: Sequence[Artifact]) -> tuple[Condition, datetime | None]:
    """Whether enough rounds are left that none of the policies was fitted on, and since when these were decided (None: all).

    Raises: `LogError` when a policy was fitted on a log and this one does not say when its rounds were decided.
    """
    moments = [moment for each in artifacts if (moment := learned_until(each.manifest)) is not None]
    n_rounds = count_rounds(rounds)
    if not moments:
        told = f"all {n_rounds:,}: neither policy was fitted on a log"
        return Condition(name="unseen rounds", holds=True, detail=told), None
    since = max(moments)
    n_unseen = count_rounds(RoundWindow(source=rounds, begin=since))
    told = f"{n_unseen:,} of {n_rounds:,} decided since {since.isoformat()}, up to when a policy was fitted"
    if n_unseen < LEAST_UNSEEN:
        told = f"{told}; wanted {LEAST_UNSEEN} at least"
    return Condition(name="unseen rounds", holds=n_unseen >= LEAST_UNSEEN, detail=told), since


def same_fitted_rounds(rounds: RoundSource, challenger: Artifact) -> tuple[Condition, ...]:
    """Whether the rounds that the challenger was fitted on are still in the log as it learnt them; nothing if on none.

    Where a refund or a late report changed one since, the learner could not take the old reward out again: it corrects what
    was learnt by the policy that decided then.
    """
    until = learned_until(challenger.manifest)
    if until is None:
        return ()
    learnt = RoundWindow(source=rounds, end=until)
    same = count_rounds(learnt) > 0 and data_fingerprint(learnt) == challenger.manifest["data_fingerprint"]
    detail = "as they were learnt" if same else "changed since they were learnt, or are gone: fit it anew"
    return (
        Condition(name="fitted rounds", holds=same, detail=f"those before {until.isoformat()} are {detail}"),
    )


def _judge(
    log: OpenedLog, since: datetime | None, name: str, artifacts: Sequence[Artifact], trial: PolicyTrial
) -> GateReport:
    """The gate's own report, on the rounds decided since that moment."""
    challenger, champion = (_as_of_chunk(_standing(name, each, log.source, since)) for each in artifacts)
    judged = log if since is None else log.since(since)
    question = Question(
        policy=challenger,
        against=champion,
        slices=tuple(map(Slice.parse, trial.slices)),
        undelivered=judged.undelivered_sums(),
    )
    return trial.gate.judge(judged.source, question)


def _as_of_chunk(policy: Policy) -> PolicyOfChunk:
    return lambda chunk: policy_probabilities(policy, chunk.feedback)


def _standing(name: str, artifact: Artifact, rounds: RoundSource, since: datetime | None) -> Policy:
    """The policy as it would stand where judging begins: rounds decided before and not yet learnt are learnt."""
    try:
        policy = load_policy(artifact)
        if since is None or not policy.learns_online:
            return policy
        missed = RoundWindow(source=rounds, begin=learned_until(artifact.manifest), end=since)
        return teach_rounds(policy, missed)
    except ArtifactError as error:
        raise PromotionError(f"the artifact is no {name}: {error}") from error
    except PolicyFitError as error:
        raise PolicyError(str(error)) from error
