"""What challengers said in shadow of live decisions, as the service left it in the log's database.

The service writes these tables and never meets this code: the columns named here are the contract between them. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, column, func, select, table

from models.feedback import Floats, Integers
from models.inputs import SCORES
from models.packing import unpack
from training.evaluation.errors import LogError
from training.policies import DECISIONS

CHUNK: Final = 1_000
_scores = table(
    "shadow_scores",
    column("name"),
    column("digest"),
    column("decision_id"),
    column("score"),
    column("agreement"),
)
_decisions = table(
    "decisions",
    column("decision_id"),
    column("decided_at"),
    column("customer_id"),
    column("group_name"),
    column("record"),
)
_outcomes = table("outcomes", column("decision_id"), column("kind"), column("occurred_at"))
_snapshots = table("snapshots", column("scanned_until"))

Texts = NDArray[np.str_]


@dataclass(frozen=True, kw_only=True)
class ShadowLog:
    """Live decisions that a challenger scored, in the order of time, `(n,)` each.

    challenger and champion: of a scorer both scores; of a policy the challenger's probability of the logged action and the
    propensity it was chosen with. actions: what was chosen, empty of a scorer. agreements: the probability that a policy's
    distribution has in common with the logged one, nan of a scorer.
    """

    decided_at_us: Integers
    customers: Texts
    groups: Texts
    actions: Texts
    challenger: Floats
    champion: Floats
    agreements: Floats

    @property
    def n_decisions(self) -> int:
        """The number of decisions."""
        return len(self.challenger)


@dataclass(frozen=True, kw_only=True)
class Purchases:
    """When each customer bought, ascending, as far as outcomes say so, and up to when they had been taken in."""

    times_us: Mapping[str, Integers]
    known_until_us: int

    def within(self, log: ShadowLog, window_us: int) -> tuple[NDArray[np.bool_], Floats]:
        """Of which decisions the window has passed, and whether the customer bought in it, 0 or 1, `(n,)` each."""
        closed = log.decided_at_us + window_us < self.known_until_us
        none = np.empty(0, dtype=np.int64)
        bought = np.zeros(log.n_decisions)
        for place, (customer, start) in enumerate(zip(log.customers, log.decided_at_us, strict=True)):
            times = self.times_us.get(str(customer), none)
            first = int(np.searchsorted(times, start, side="right"))
            bought[place] = float(first < len(times) and times[first] <= start + window_us)
        return closed, bought


def read_shadow_log(connection: Connection, name: str, digest: str) -> ShadowLog:
    """What the challenger of this name and digest said. Raises: `LogError` naming a record that cannot be read."""
    rows = list(_rows(connection, name, digest))
    decided, customers, groups, actions, challenger, champion, agreements = (
        zip(*rows, strict=True) if rows else ((),) * 7
    )
    return ShadowLog(
        decided_at_us=np.array(decided, dtype=np.int64),
        customers=np.array(customers, dtype=np.str_),
        groups=np.array(groups, dtype=np.str_),
        actions=np.array(actions, dtype=np.str_),
        challenger=np.array(challenger, dtype=np.float64),
        champion=np.array(champion, dtype=np.float64),
        agreements=np.array(agreements, dtype=np.float64),
    )


def read_purchases(connection: Connection) -> Purchases:
    """Every purchase that was reported as an outcome, by customer."""
    query = (
        select(_decisions.c.customer_id, _outcomes.c.occurred_at)
        .join_from(_outcomes, _decisions, _outcomes.c.decision_id == _decisions.c.decision_id)
        .where(_outcomes.c.kind == "purchased")
        .order_by(_outcomes.c.occurred_at)
    )
    found: dict[str, list[int]] = {}
    for customer, occurred_at in connection.execute(query):
        found.setdefault(customer, []).append(occurred_at)
    return Purchases(
        times_us={customer: np.array(times, dtype=np.int64) for customer, times in found.items()},
        known_until_us=connection.scalar(select(func.max(_snapshots.c.scanned_until))) or 0,
    )


def _rows(connection: Connection, name: str, digest: str) -> Iterator[tuple[Any, ...]]:
    query = (
        select(_decisions, _scores.c.score, _scores.c.agreement)
        .join_from(_scores, _decisions, _scores.c.decision_id == _decisions.c.decision_id)
        .where(_scores.c.name == name, _scores.c.digest == digest)
        .order_by(_scores.c.decision_id)
    )
    for row in connection.execution_options(stream_results=True, yield_per=CHUNK).execute(query):
        try:
            action, champion = _champion(name, json.loads(unpack(row.record)))
        except (ValueError, KeyError, TypeError) as error:
            raise LogError(
                f"decision {row.decision_id} has a record that cannot be read: {error!r}"
            ) from error
        agreement = np.nan if row.agreement is None else row.agreement
        yield row.decided_at, row.customer_id, row.group_name, action, row.score, champion, agreement


def _champion(name: str, record: Mapping[str, Any]) -> tuple[str, float]:
    """What was chosen and with which propensity, or the empty text and the score that was answered."""
    if name in SCORES:
        return "", float(json.loads(record["answer"])["scores"][name])
    round_ = next(each for each in record["rounds"] if each["decision"] == DECISIONS[name])
    return round_["actions"][round_["action"]], float(round_["propensity"])
