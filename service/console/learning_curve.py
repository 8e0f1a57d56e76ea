"""How a journey's policies learn: what they earn by day beside the others, what that adds up to, how evenly they choose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from models.entropy import normalized_entropy
from models.reward import State
from service.console.last_records import last_records
from service.console.reward_sums import Estimate, RewardSums, cumulative_gain, estimate
from service.guardrails.period import period_of
from service.store.engine import microseconds
from service.store.tables import decisions, rewards

LOOK_BACK: Final = timedelta(days=30)
POLICY_GROUP: Final = "decisioning"
COMPARISONS: Final = ("random", "business_as_usual")
"""Whom the policies are held against: the first of these that has rounds. Who is held out has none."""
MOST_A_DAY: Final = 20_000
"""Decisions of a day whose rewards are read; of a busier journey those of the first minutes of each hour are."""
_DAY: Final = timedelta(days=1)
_HOUR_US: Final = 3_600_000_000
_QUARTER_S: Final = 900
"""Days of every zone begin on one of these."""
_SPANS: Final = 6
"""Parts of a day of which the evenness is looked at, so that no hour stands for all."""

Sums = Mapping[tuple[str, str, date], RewardSums]
"""By decision, group and day of the shop's zone."""


@dataclass(frozen=True)
class Curve:
    """One decision of a journey, by the shop's day of the decision; None where nothing is known.

    means: of each group's closed rounds. gained: of the policies' group over `versus`, the sum up to the day. evenness: mean
    entropy of the policies' distributions as a share of an even one's, over a sample of the day.
    """

    decision: str
    days: tuple[date, ...]
    rounds: dict[str, list[int]]
    means: dict[str, list[Estimate | None]]
    versus: str | None
    gained: list[Estimate | None]
    evenness: list[float | None]


def busiest_journey(connection: Connection, now: datetime) -> str:
    """The journey with most of the last days' decisions; empty without any."""
    count = func.count()
    query = (
        select(decisions.c.journey)
        .where(decisions.c.decided_at >= microseconds(now - _DAY))
        .group_by(decisions.c.journey)
        .order_by(count.desc(), decisions.c.journey)
        .limit(1)
    )
    newest = select(decisions.c.journey).order_by(decisions.c.decision_id.desc()).limit(1)
    return connection.scalar(query) or connection.scalar(newest) or ""


def hour_share(connection: Connection, journey: str, now: datetime) -> float:
    """How much of each hour is looked at, 1 unless the journey decided more than `MOST_A_DAY` times in the last day."""
    query = select(func.count()).where(
        decisions.c.journey == journey, decisions.c.decided_at >= microseconds(now - _DAY)
    )
    return min(MOST_A_DAY / max(connection.scalar(query) or 0, 1), 1.0)


def read_curves(
    connection: Connection, journey: str, now: datetime, share: float, zone: ZoneInfo
) -> list[Curve]:
    """The curves of each decision of a journey that has closed rounds in the last 30 days, of this share of each hour.

    zone: the shop's, whose days are told.
    """
    sums = _by_day(_reward_sums(connection, journey, now - LOOK_BACK, share), zone)
    if not sums:
        return []
    known = {day for _, _, day in sums}
    first, last = min(known), max(known)
    days = tuple(first + _DAY * ahead for ahead in range((last - first).days + 1))
    evenness = {day: _evenness(connection, journey, day, zone) for day in days}
    return [_curve(decision, days, sums, evenness) for decision in sorted({name for name, _, _ in sums})]


def _curve(
    decision: str, days: tuple[date, ...], sums: Sums, evenness: Mapping[date, Mapping[str, float]]
) -> Curve:
    present = {group for name, group, _ in sums if name == decision}
    found = {
        group: [sums.get((decision, group, day)) for day in days]
        for group in (POLICY_GROUP, *COMPARISONS)
        if group in present
    }
    versus = next((group for group in COMPARISONS if group in found and POLICY_GROUP in found), None)
    pairs = zip(found[POLICY_GROUP], found[versus], strict=True) if versus else ()
    return Curve(
        decision=decision,
        days=days,
        rounds={group: [each.rounds if each else 0 for each in told] for group, told in found.items()},
        means={group: _means(told) for group, told in found.items()},
        versus=versus,
        gained=cumulative_gain(list(pairs)),
        evenness=[evenness[day].get(decision) for day in days],
    )


def _means(told: Sequence[RewardSums | None]) -> list[Estimate | None]:
    return [None if each is None else estimate(each.mean, each.mean_variance) for each in told]


def _by_day(sums: Mapping[tuple[str, str, int], RewardSums], zone: ZoneInfo) -> Sums:
    found: dict[tuple[str, str, date], RewardSums] = {}
    for (decision, group, quarter), mine in sums.items():
        key = decision, group, datetime.fromtimestamp(quarter * _QUARTER_S, zone).date()
        found[key] = found[key] + mine if key in found else mine
    return found


def _reward_sums(
    connection: Connection, journey: str, since: datetime, share: float
) -> dict[tuple[str, str, int], RewardSums]:
    """By decision, group and quarter of an hour since 1970."""
    quarter = (decisions.c.decided_at // (_QUARTER_S * 1_000_000)).label("quarter")
    reward = rewards.c.reward
    query = (
        select(
            rewards.c.decision,
            decisions.c.group_name,
            quarter,
            func.count().label("rounds"),
            func.sum(reward).label("total"),
            func.sum(reward * reward).label("squares"),
        )
        .join(decisions, decisions.c.decision_id == rewards.c.decision_id)
        .where(decisions.c.journey == journey, decisions.c.decided_at >= microseconds(since))
        .where(decisions.c.decided_at % _HOUR_US < int(share * _HOUR_US))
        .where(rewards.c.state == State.RESOLVED.value)
        .group_by(rewards.c.decision, decisions.c.group_name, quarter)
    )
    return {
        (row.decision, row.group_name, int(row.quarter)): RewardSums(row.rounds, row.total, row.squares)
        for row in connection.execute(query)
    }


def _evenness(connection: Connection, journey: str, day: date, zone: ZoneInfo) -> dict[str, float]:
    """By decision, over the last decisions of each part of the day."""
    found: dict[str, list[float]] = defaultdict(list)
    span = period_of("day", datetime.combine(day, time(12), zone), zone)
    part = (span.ends_at - span.starts_at) / _SPANS
    for begins in (span.starts_at + part * place for place in range(_SPANS)):
        for record in last_records(connection, journey, begins, begins + part, POLICY_GROUP):
            for round_ in record["rounds"]:
                found[round_["decision"]].append(normalized_entropy(round_["probabilities"]))
    return {decision: sum(values) / len(values) for decision, values in found.items()}
