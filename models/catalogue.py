"""Every kind of policy that an artifact may name; a `Ranking`, whose actions come with the request, is loaded by itself."""

from __future__ import annotations

from models.artifact import Artifact, ArtifactError
from models.boosted_square_cb import BoostedSquareCB
from models.channel import ChannelThompson
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.epsilon_greedy import EpsilonGreedy
from models.fixed_rule import FixedRule
from models.lin_ucb import LinUCB
from models.linear_thompson import LinearThompson
from models.logistic_thompson import LogisticThompson
from models.policy import Policy
from models.send_time import SendTimeThompson
from models.square_cb import SquareCB
from models.uniform_random import UniformRandom

POLICIES: dict[str, type[Policy]] = {
    policy.kind: policy
    for policy in (
        BoostedSquareCB,
        ChannelThompson,
        CouponByJourney,
        CouponThompson,
        EpsilonGreedy,
        FixedRule,
        LinUCB,
        LinearThompson,
        LogisticThompson,
        SendTimeThompson,
        SquareCB,
        UniformRandom,
    )
}


def load_policy(artifact: Artifact) -> Policy:
    """The policy that an artifact holds. Raises `ArtifactError` for an unknown kind and for a missing part."""
    kind = artifact.manifest.get("kind")
    if kind not in POLICIES:
        raise ArtifactError(f"no policy of kind {kind!r}; there are {sorted(POLICIES)}")
    try:
        return POLICIES[kind].from_artifact(artifact)
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"the artifact of kind {kind!r} lacks or misnames a part: {error}") from error
