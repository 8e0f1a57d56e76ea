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
from models.inputs import bind
from models.lin_ucb import LinUCB
from models.linear_policy import LinearPolicy
from models.linear_thompson import LinearThompson
from models.logistic_thompson import LogisticThompson
from models.policy import Policy
from models.square_cb import SquareCB
from models.stateless import StatelessPolicy

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


def go_on(start: Start, feedback: LoggedFeedback) -> Policy:
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
    return teach_rounds(policy, feedback)


def teach_rounds(policy: Policy, feedback: LoggedFeedback) -> Policy:
    """The same policy having learnt the rounds. Raises: `PolicyFitError` when they do not fit it."""
    if policy.action_names != feedback.action_names:
        raise PolicyFitError(
            f"the policy chooses among {list(policy.action_names)}, the log among {list(feedback.action_names)}"
        )
    try:
        places = bind(policy.input_names, feedback.input_names)
        for begin in range(0, feedback.n_rounds, _CHUNK):  # a round's features of 24 hours are wide
            part = feedback.take(slice(begin, begin + _CHUNK))
            policy.learn_many(part.contexts[:, places], part.actions, part.rewards)
    except ValueError as error:
        raise PolicyFitError(f"{error}; the log holds {list(feedback.input_names)}") from error
    return policy


def fit_kind(recipe: Recipe, feedback: LoggedFeedback) -> Policy:
    """A policy of one of `KINDS` that knows these rounds alone, scaled to their contexts and rewards.

    The linear ones: disjoint, the prior mean of the noise variance being the rewards' variance. Raises: `PolicyFitError`.
    """
    if recipe.kind in _LINEAR:
        return teach_rounds(_linear(recipe, feedback), feedback)
    if recipe.kind == LogisticThompson.kind:
        return teach_rounds(_logistic(recipe, feedback), feedback)
    if recipe.kind == BoostedSquareCB.kind:
        return _boosted(recipe, feedback)
    raise PolicyFitError(f"no kind {recipe.kind!r}; wanted one of {', '.join(KINDS)}")


def _linear(recipe: Recipe, feedback: LoggedFeedback) -> LinearPolicy:
    return _LINEAR[recipe.kind](
        action_names=feedback.action_names,
        input_names=feedback.input_names,
        standardizer=Standardizer.fit(feedback.contexts),
        floor=recipe.floor,
        ridge=RIDGE,
        rate=max(float(np.var(feedback.rewards)), 1e-9),
    )


def _logistic(recipe: Recipe, feedback: LoggedFeedback) -> LogisticThompson:
    low, high = recipe.reward_range
    outside = (feedback.rewards < low) | (feedback.rewards > high)
    if outside.any():
        raise PolicyFitError(
            f"{outside.sum():,} of {feedback.n_rounds:,} rewards lie outside of {low:g} to {high:g}, the range of "
            f"{recipe.kind}: they reach from {feedback.rewards.min():g} to {feedback.rewards.max():g}; give --reward-range"
        )
    share = (float(feedback.rewards.mean()) - low) / (high - low)
    return LogisticThompson(
        action_names=feedback.action_names,
        input_names=feedback.input_names,
        standardizer=Standardizer.fit(feedback.contexts),
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


def data_fingerprint(feedback: LoggedFeedback) -> str:
    """SHA-256 over the rounds: names, contexts, actions, rewards, propensities and what was eligible, in their order."""
    digest = hashlib.sha256(repr((feedback.input_names, feedback.action_names)).encode())
    columns = (
        feedback.contexts,
        feedback.actions,
        feedback.rewards,
        feedback.propensities,
        feedback.eligible,
    )
    for column in columns:
        digest.update(f"{column.dtype.str} {column.shape}".encode() + np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def fitted_artifact(
    policy: Policy, feedback: LoggedFeedback, *, learned_until: datetime, facts: Mapping[str, Any]
) -> Artifact:
    """The policy as the service reads it, its manifest saying what it has learnt.

    learned_until (ISO 8601, UTC): no round decided at or after it was learnt, each round of the log decided before it was.
    """
    artifact = policy.to_artifact()
    told = {
        **facts,
        "learned_until": learned_until.isoformat(),
        "n_rounds": feedback.n_rounds,
        "data_fingerprint": data_fingerprint(feedback),
    }
    return replace(artifact, manifest={**artifact.manifest, **told})


def learned_until(manifest: Mapping[str, Any]) -> datetime | None:
    """Up to when a registered policy has learnt real rounds; None where it has learnt none."""
    found = manifest.get("learned_until")
    return datetime.fromisoformat(found) if found else None
