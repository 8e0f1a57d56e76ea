"""A policy fitted on the decision log's rounds: from the champion's warm start on, or of a kind named, from nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from models.artifact import Artifact
from models.boosted_square_cb import BoostedSquareCB
from models.catalogue import load_policy
from models.context import Standardizer
from models.epsilon_greedy import EpsilonGreedy
from models.feedback import LoggedFeedback
from models.inputs import JOURNEY, bind
from models.lin_ucb import LinUCB
from models.linear_policy import LinearPolicy
from models.linear_thompson import LinearThompson
from models.logistic_thompson import LogisticThompson
from models.policy import Policy
from models.square_cb import SquareCB
from models.stateless import StatelessPolicy
from training.evaluation.log_chunk import RoundSource
from training.evaluation.round_window import count_rounds, in_batches, whole_feedback
from training.round_facts import fit_standardizer, input_distributions, read_facts

_LINEAR: Final[dict[str, type[LinearPolicy]]] = {
    policy.kind: policy for policy in (LinearThompson, LinUCB, SquareCB, EpsilonGreedy)
}
KINDS: Final = (*_LINEAR, LogisticThompson.kind, BoostedSquareCB.kind)
"""The kinds that start from nothing on any log; each chooses among the log's actions by the log's inputs."""

RIDGE: Final = 5.0
_CHUNK: Final = 5_000


class PolicyFitError(ValueError):
    """Rounds that the policy asked for cannot be fitted on; the message says what was found and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A registered policy to start from: as it was before any real feedback, or `fresh`, its prior alone."""

    version: str
    artifact: Artifact
    fresh: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a policy of a kind that starts from nothing is made.

    floor: least probability of an eligible action. seed: of the trees. reward_range: of a logistic policy's rewards.
    """

    kind: str
    floor: float
    seed: int = 0
    reward_range: tuple[float, float] = (0.0, 1.0)


def go_on(start: Start, rounds: RoundSource) -> Policy:
    """The policy that was registered having learnt the rounds, its inputs found by name.

    Raises: `PolicyFitError` when it cannot learn, chooses among other actions or wants inputs that the rounds lack.
    """
    policy = load_policy(start.artifact)
    if isinstance(policy, StatelessPolicy):
        raise PolicyFitError(
            f"a policy of kind {policy.kind} learns nothing; wanted one of {', '.join(KINDS)}"
        )
    if not policy.learns_online:
        raise PolicyFitError(f"a policy of kind {policy.kind} does not go on learning: it is fitted anew")
    if start.fresh:
        policy.discount(0.0)
    return teach_rounds(policy, rounds)


def teach_rounds(policy: Policy, rounds: RoundSource) -> Policy:
    """The same policy having learnt the rounds, however chunks are cut. Raises: `PolicyFitError` when they do not fit it."""
    for part in in_batches(rounds, _CHUNK):  # a round's features of 24 hours are wide
        if policy.action_names != part.action_names:
            raise PolicyFitError(
                f"the policy chooses among {list(policy.action_names)}, the log among {list(part.action_names)}"
            )
        try:
            places = bind(policy.input_names, part.input_names)
            policy.learn_many(part.contexts[:, places], part.actions, part.rewards)
        except ValueError as error:
            raise PolicyFitError(f"{error}; the log holds {list(part.input_names)}") from error
    return policy


def fit_kind(recipe: Recipe, rounds: RoundSource) -> Policy:
    """A policy of one of `KINDS` that knows these rounds alone, scaled to their contexts and rewards.

    The linear ones: disjoint, the prior mean of the noise variance being the rewards' variance. All but the boosted one read
    the rounds several times, a chunk in memory; LightGBM needs them whole. Raises: `PolicyFitError`, `TooFewRoundsError`.
    """
    if recipe.kind in _LINEAR:
        return teach_rounds(_linear(recipe, rounds), rounds)
    if recipe.kind == LogisticThompson.kind:
        return teach_rounds(_logistic(recipe, rounds), rounds)
    if recipe.kind == BoostedSquareCB.kind:
        return _boosted(recipe, whole_feedback(rounds))
    raise PolicyFitError(f"no kind {recipe.kind!r}; wanted one of {', '.join(KINDS)}")


def _linear(recipe: Recipe, rounds: RoundSource) -> LinearPolicy:
    facts = read_facts(rounds)
    names, standardizer = _quantities(facts.input_names, rounds)
    return _LINEAR[recipe.kind](
        action_names=facts.action_names,
        input_names=names,
        standardizer=standardizer,
        floor=recipe.floor,
        ridge=RIDGE,
        rate=max(facts.reward_variance, 1e-9),
    )


def _quantities(names: tuple[str, ...], rounds: RoundSource) -> tuple[tuple[str, ...], Standardizer]:
    """The inputs that a regression can weigh, scaled to the rounds: the number of a journey is only its name."""
    places = [place for place, name in enumerate(names) if name != JOURNEY]
    scaled = fit_standardizer(rounds, len(names))
    return tuple(names[place] for place in places), Standardizer(scaled.center[places], scaled.scale[places])


def _logistic(recipe: Recipe, rounds: RoundSource) -> LogisticThompson:
    facts, (low, high) = read_facts(rounds), recipe.reward_range
    if facts.lowest_reward < low or facts.highest_reward > high:
        outside = sum(
            int(np.count_nonzero((chunk.feedback.rewards < low) | (chunk.feedback.rewards > high)))
            for chunk in rounds.chunks()
        )
        raise PolicyFitError(
            f"{outside:,} of {facts.n_rounds:,} rewards lie outside of {low:g} to {high:g}, the range of {recipe.kind}: "
            f"they reach from {facts.lowest_reward:g} to {facts.highest_reward:g}; give --reward-range"
        )
    share = (facts.mean_reward - low) / (high - low)
    names, standardizer = _quantities(facts.input_names, rounds)
    return LogisticThompson(
        action_names=facts.action_names,
        input_names=names,
        standardizer=standardizer,
        low=low,
        high=high,
        floor=recipe.floor,
        base_share=min(max(share, 0.01), 0.99),
    )


def _boosted(recipe: Recipe, feedback: LoggedFeedback) -> BoostedSquareCB:
    spread = float(np.std(feedback.rewards))
    if spread == 0:
        raise PolicyFitError(f"all {feedback.n_rounds:,} rewards are {feedback.rewards[0]:g}: nothing to fit")
    from models.scorer import fit_boosted_rewards  # LightGBM: seconds

    return BoostedSquareCB(
        action_names=feedback.action_names,
        input_names=feedback.input_names,
        rewards=fit_boosted_rewards(feedback, seed=recipe.seed),
        gamma=math.sqrt(feedback.n_rounds) / spread,
        floor=recipe.floor,
    )


def data_fingerprint(rounds: RoundSource) -> str:
    """SHA-256 over the rounds: names, contexts, actions, rewards, propensities and what was eligible, in their order.

    A reading a column, so that it does not depend on how the chunks are cut. Raises: `TooFewRoundsError` without a round.
    """
    facts = read_facts(rounds)
    digest = hashlib.sha256(repr((facts.input_names, facts.action_names)).encode())
    for name in ("contexts", "actions", "rewards", "propensities", "eligible"):
        for place, chunk in enumerate(rounds.chunks()):
            column = getattr(chunk.feedback, name)
            if place == 0:
                digest.update(f"{column.dtype.str} {(facts.n_rounds, *column.shape[1:])}".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def fitted_artifact(
    policy: Policy, rounds: RoundSource, *, learned_until: datetime, facts: Mapping[str, Any]
) -> Artifact:
    """The policy as the service reads it, its manifest saying what it has learnt.

    learned_until (ISO 8601, UTC): no round decided at or after it was learnt, each round of the log decided before it was.
    """
    artifact = policy.to_artifact()
    told = {
        **facts,
        "learned_until": learned_until.isoformat(),
        "n_rounds": count_rounds(rounds),
        "data_fingerprint": data_fingerprint(rounds),
    }
    trained_on = input_distributions(rounds, np.random.default_rng(0))
    return trained_on.carried_by(replace(artifact, manifest={**artifact.manifest, **told}))


def learned_until(manifest: Mapping[str, Any]) -> datetime | None:
    """Up to when a registered policy has learnt real rounds; None where it has learnt none."""
    found = manifest.get("learned_until")
    return datetime.fromisoformat(found) if found else None
