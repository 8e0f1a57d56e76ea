"""Whether each outcome was learnt exactly once: the policies' sums against those of the log's rounds, made anew.

A policy is additive: what it holds at the end is its champion's sums plus those of each round with its last reward, whatever
was learnt, taken back and learnt again in between. Both sides add floating-point numbers in another order, so they agree to
rounding only. Of n numbers added in any order the error is at most n·u/(1 - n·u)·Σ|term|, u = 2⁻⁵³; here n is at most the
rounds, the outcomes twice (an outcome takes a round back and teaches it again) and the snapshots, on either side. Σ|term| is
bounded by Cauchy and Schwarz from the sums of squares, each round with the largest reward that it can have had, and as often
as it can have been taken back. The least that a round changes is 1 in a count and 0.001, the cost of a message, in a reward;
the bound is printed beside the sum of rewards.
Source: Higham (2002), Accuracy and Stability of Numerical Algorithms, section 4.2.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from benchmarks.soak.books import Books, rows
from benchmarks.soak.expected_reward import Earned
from benchmarks.target import Target
from models.artifact import Artifact
from models.catalogue import load_policy
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney, SumsByJourney
from models.linear_statistics import LinearStatistics

POLICIES = {"channel": "channel_policy", "send_time": "send_time_policy", "coupon": "coupon_policy"}
_UNIT = 2.0**-53
_SUMS = ("count", "xx", "rx", "rr")
_COUPONS = (CouponThompson.kind, CouponByJourney.kind)


def learning_targets(connection: Connection, books: Books, earned: Sequence[Earned]) -> list[Target]:
    """What was noted and learnt, against what the outcomes say."""
    targets = [
        Target("rewards noted otherwise than outcomes say", float(_noted(books, earned)), "at most", 0.0),
        Target("rewards of what was never activated", float(_never_activated(books)), "at most", 0.0),
        Target("published otherwise than learnt", float(_published(connection, books)), "at most", 0.0),
    ]
    for decision, name in POLICIES.items():
        mine = [each for each in earned if each.name == decision and each.is_learnt]
        targets += _learnt(connection, books, name, mine)
    return targets


def _stored(connection: Connection, digest: str) -> Artifact:
    """An artifact of the log."""
    found = rows(connection, "SELECT content FROM artifacts WHERE digest = :digest", digest=digest)
    return Artifact.from_bytes(bytes(found[0]["content"]))


def _folds(books: Books) -> dict[str, Artifact]:
    """The policies' states by name."""
    return {row["name"]: Artifact.from_bytes(bytes(row["content"])) for row in books.tables["folds"]}


def _noted(books: Books, earned: Sequence[Earned]) -> int:
    """Rounds whose reward is noted with another number, not noted, or noted without being one."""
    expected = {(each.decision.row["decision_id"], each.name): each for each in earned}
    noted = {(r["decision_id"], r["decision"]): r for r in books.tables["rewards"] if r["state"] != "void"}
    wrong = len(expected.keys() ^ noted.keys())
    for key in expected.keys() & noted.keys():
        slack = 8 * _UNIT * expected[key].most
        right = abs(noted[key]["reward"] - expected[key].reward) <= slack
        wrong += not right or noted[key]["state"] != "resolved"
    return wrong


def _never_activated(books: Books) -> int:
    waiting = {identity for identity, decision in books.decisions.items() if not decision.is_in_effect}
    return sum(
        row["decision_id"] in waiting and row["state"] in ("open", "resolved")
        for row in books.tables["rewards"]
    )


def _published(connection: Connection, books: Books) -> int:
    """Policies that decide with other sums than were learnt, though no window is open."""
    newest = max(books.tables["snapshots"], key=lambda row: int(row["snapshot"]))
    digests = json.loads(newest["policies"])
    return sum(
        any(
            not np.array_equal(_stored(connection, digests[name]).arrays[each], fold.arrays[each])
            for each in _SUMS
        )
        for name, fold in _folds(books).items()
    )


def _learnt(connection: Connection, books: Books, name: str, earned: Sequence[Earned]) -> list[Target]:
    """A policy's count of rounds and its sum of rewards, in plain arithmetic, and all its sums."""
    digest = next(row["digest"] for row in books.tables["champions"] if row["name"] == name)
    start = _stored(connection, digest)
    before, found = _sums_in(start), _sums_in(_folds(books)[name])
    gained, slack = found - before, _slack(books, start, earned)
    off = gained - _sums(start, earned, [each.reward for each in earned])
    n_rounds, rewards = _told(start, gained)
    twice = abs(round(n_rounds - len(earned), 6))
    short = abs(rewards - _expected_rewards(start, earned))
    worst = max(float(np.max(np.abs(getattr(off, each)) / getattr(slack, each))) for each in _SUMS)
    return [
        Target(f"{name}: rounds to learn", float(len(earned)), "at least", 1.0),
        Target(f"{name}: rounds learnt too often or too seldom", twice, "at most", 0.0),
        Target(f"{name}: sum of rewards learnt, off by", short, "at most", float(slack.rx[:, 0].sum())),
        Target(f"{name}: any sum learnt, off by of what rounding explains", worst, "at most", 1.0),
    ]


def _told(policy: Artifact, sums: LinearStatistics) -> tuple[float, float]:
    """How many rounds these sums are of, and the sum of their rewards: each design vector begins with 1.

    A policy of coupons learns whether an order came in its first regression, and what it earned in its second.
    """
    if policy.manifest["kind"] in _COUPONS:
        return float(sums.count[0]), float(sums.rx[1, 0])
    return float(sums.count.sum()), float(sums.rx[:, 0].sum())


def _expected_rewards(policy: Artifact, earned: Sequence[Earned]) -> float:
    """The sum that `_told` must tell: of coupons, of orders without the coupons' expected cost."""
    if policy.manifest["kind"] not in _COUPONS:
        return math.fsum(each.reward for each in earned)
    share = policy.manifest["prior"]["used_share"] / 1000
    came = [each for each in earned if each.reward != 0]
    return math.fsum(each.reward for each in came) + math.fsum(share * _amount(each) for each in came)


def _amount(earned: Earned) -> float:
    action = earned.decision.chosen("coupon")
    return 0.0 if action in (None, "none") else float(action)


def _sums_in(policy: Artifact) -> LinearStatistics:
    """What the policy has learnt, in all journeys together."""
    sums = LinearStatistics.of_arrays(policy.arrays)
    if policy.manifest["kind"] != CouponByJourney.kind:
        return sums
    return LinearStatistics(*(each.sum(axis=0) for each in vars(sums).values()))


def _sums(policy: Artifact, earned: Sequence[Earned], rewards: Sequence[float]) -> LinearStatistics:
    """What these rounds, all at once, teach the policy."""
    kind = load_policy(policy)
    assert hasattr(kind, "sums"), f"{policy.manifest['kind']} is no sum over rounds"
    contexts = [[np.nan if x is None else x for x in each.round["context"]] for each in earned]
    actions = np.array([each.round["action"] for each in earned], dtype=np.int64)
    width = len(kind.input_names)
    sums = kind.sums(np.array(contexts).reshape(-1, width), actions, np.array(rewards))
    if isinstance(sums, SumsByJourney):
        return sum(sums.parts.values(), LinearStatistics.empty(*kind.start.statistics.rx.shape))
    assert isinstance(sums, LinearStatistics)
    return sums


def _slack(books: Books, policy: Artifact, earned: Sequence[Earned]) -> LinearStatistics:
    """How far rounding may take each sum from the other side's."""
    before = _sums_in(policy)
    largest = _sums(policy, earned, [max(each.most, 1.0) for each in earned])
    diagonal = np.sqrt(np.diagonal(largest.xx, axis1=1, axis2=2))
    most = LinearStatistics(
        largest.count,
        diagonal[:, :, None] * diagonal[:, None, :],
        diagonal * np.sqrt(largest.rr)[:, None],
        largest.rr,
    )
    told = Counter(row["decision_id"] for row in books.tables["outcomes"])
    again = 1 + 2 * max(told.values(), default=0)
    n = len(earned) + 2 * len(books.tables["outcomes"]) + len(books.tables["snapshots"])
    share = 2 * n * _UNIT
    return LinearStatistics(
        *(share * (1 + np.abs(getattr(before, each)) + again * getattr(most, each)) for each in _SUMS)
    )
