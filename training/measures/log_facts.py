"""Reads groups, messages, tests and budgets out of the service's log, SQLite or PostgreSQL.

The service writes these tables and never meets this code: the columns named here are the contract between them. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, column, func, select, table

from training.evaluation.decision_source import Selection
from training.evaluation.errors import LogError
from training.evaluation.log_rules import Rules, reward_rules
from training.evaluation.log_store import CHUNK, LogStore
from training.evaluation.round_sieve import RoundSieve
from training.measures.economics import CustomerSums
from training.measures.message_test import VariantRounds
from training.measures.moment import local_times
from training.measures.response import SentMessages

ACTED: Final = ("act", "fallback")
"""States of a decision by which a message goes out, the usual one among them."""
_decisions = table(
    "decisions",
    *map(column, ("decision_id", "journey", "customer_id", "decided_at", "effective_at")),
    *map(column, ("status", "group_name", "record")),
)
_outcomes = table("outcomes", *map(column, ("decision_id", "kind", "value")))
_activations = table("activations", *map(column, ("decision_id", "activated_at")))


@dataclass(frozen=True, kw_only=True)
class Window:
    """Decisions made in [begins_us, ends_us)."""

    begins_us: int
    ends_us: int


@dataclass(frozen=True, kw_only=True)
class LogFacts:
    """Sums by (journey, group), messages sent, message tests; and customers left out, for they changed their group.

    first_us, last_us: when the first and the last decision was made, None without any.
    """

    groups: dict[tuple[str, str], CustomerSums]
    messages: SentMessages
    tests: list[VariantRounds]
    n_moved: int
    n_decisions: int
    first_us: int | None
    last_us: int | None

    @property
    def customers_by_group(self) -> dict[str, dict[str, int]]:
        """Distinct customers by journey and group."""
        found: dict[str, dict[str, int]] = {}
        for (journey, group), sums in self.groups.items():
            found.setdefault(journey, {})[group] = len(sums.orders)
        return found


@dataclass(frozen=True)
class _Decision:
    journey: str
    group: str
    customer: str
    message: tuple[str, str, int] | None  # channel, zone and when it took effect
    told: dict[str, tuple[int, float]]  # number and sum of outcomes by kind


def read_log_facts(connection: Connection, window: Window, time_zone: str) -> LogFacts:
    """What the log holds of the window's decisions; memory: some 500 bytes a decision.

    time_zone: stands in for the one of a customer who was forgotten. Raises: `LogError`.
    """
    decisions = _read_decisions(connection, window)
    span = select(func.min(_decisions.c.decided_at), func.max(_decisions.c.decided_at))
    first_us, last_us = connection.execute(span.where(*_within(window))).one()
    groups, n_moved = _groups(decisions)
    return LogFacts(
        groups=groups,
        messages=_messages(decisions, time_zone),
        tests=_tests(LogStore(connection=connection), window),
        n_moved=n_moved,
        n_decisions=len(decisions),
        first_us=first_us,
        last_us=last_us,
    )


def _within(window: Window) -> tuple[Any, Any]:
    at = _decisions.c.decided_at
    return at >= window.begins_us, at < window.ends_us


def _read_decisions(connection: Connection, window: Window) -> list[_Decision]:
    told: dict[str, dict[str, tuple[int, float]]] = {}
    of_window = _decisions.c.decision_id == _outcomes.c.decision_id
    outcomes = (
        select(_outcomes.c.decision_id, _outcomes.c.kind, func.count(), func.sum(_outcomes.c.value))
        .join_from(_outcomes, _decisions, of_window)
        .where(*_within(window))
        .group_by(_outcomes.c.decision_id, _outcomes.c.kind)
    )
    for identity, kind, number, total in connection.execute(outcomes):
        told.setdefault(identity, {})[kind] = (number, total)
    query = (
        select(_decisions, _activations.c.activated_at)
        .outerjoin_from(_decisions, _activations, _activations.c.decision_id == _decisions.c.decision_id)
        .where(*_within(window))
        .order_by(_decisions.c.decision_id)
    )
    streaming = connection.execution_options(stream_results=True, yield_per=CHUNK)
    return [
        _Decision(
            journey=row.journey,
            group=row.group_name,
            customer=row.customer_id,
            message=_message(row) if row.status in ACTED else None,
            told=told.get(row.decision_id, {}),
        )
        for row in streaming.execute(query)
    ]


def _message(row: Any) -> tuple[str, str, int] | None:
    """What went out by this decision; nothing where it was deferred and nobody said that it was used."""
    try:
        record = json.loads(row.record)
        if record["request"].get("activate") == "deferred" and row.activated_at is None:
            return None
        channel = json.loads(record["answer"]).get("channel")
        return None if channel is None else (channel, record["time_zone"], row.effective_at)
    except (ValueError, KeyError, TypeError) as error:
        raise LogError(f"decision {row.decision_id} has a record that cannot be read: {error!r}") from error


def _groups(decisions: list[_Decision]) -> tuple[dict[tuple[str, str], CustomerSums], int]:
    sums: dict[tuple[str, str], list[float]] = {}
    seen: dict[tuple[str, str], set[str]] = {}
    for each in decisions:
        person = each.journey, each.customer
        seen.setdefault(person, set()).add(each.group)
        mine = sums.setdefault(person, [0.0, 0.0, 0.0, 0.0])
        orders, spent = each.told.get("purchased", (0, 0.0))
        mine[0] += each.message is not None and "undelivered" not in each.told
        mine[1] += orders
        mine[2] += spent - each.told.get("refunded", (0, 0.0))[1]
        mine[3] += each.told.get("redeemed", (0, 0.0))[1]
    rows: dict[tuple[str, str], list[list[float]]] = {}
    for person, groups in seen.items():
        if len(groups) == 1:
            rows.setdefault((person[0], next(iter(groups))), []).append(sums[person])
    n_moved = sum(len(groups) > 1 for groups in seen.values())
    return {key: _sums(found) for key, found in rows.items()}, n_moved


def _sums(rows: list[list[float]]) -> CustomerSums:
    messages, orders, revenue, discount = np.array(rows).T
    return CustomerSums(messages=messages, orders=orders, revenue=revenue, discount=discount)


def _messages(decisions: list[_Decision], time_zone: str) -> SentMessages:
    sent = [(each, each.message) for each in decisions if each.message is not None]
    places: dict[str, int] = {}
    at_us = np.array([message[2] for _, message in sent], dtype=np.int64)
    zones = np.array([message[1] or time_zone for _, message in sent], dtype=np.str_)
    clock = local_times(at_us, zones)

    def came(*kinds: str) -> np.ndarray:
        return np.array([any(kind in each.told for kind in kinds) for each, _ in sent], dtype=bool)

    return SentMessages(
        customer=np.array(
            [places.setdefault(each.customer, len(places)) for each, _ in sent], dtype=np.int64
        ),
        channel=np.array([message[0] for _, message in sent], dtype=np.str_),
        topic=np.array([each.journey for each, _ in sent], dtype=np.str_),
        hour=clock.astype("datetime64[h]").astype(np.int64) % 24,
        delivered=came("delivered", "opened", "clicked", "redeemed", "unsubscribed"),
        bounced=came("undelivered"),
        opened=came("opened"),
        clicked=came("clicked"),
        unsubscribed=came("unsubscribed"),
    )


def _tests(log: LogStore, window: Window) -> list[VariantRounds]:
    rules = log.rules()
    tested = {str(manifest["journey"]) for manifest in rules.values() if manifest.get("message")}
    found = (_test(log, journey, rules, window) for journey in sorted(tested))
    return [each for each in found if each is not None]


def _test(log: LogStore, journey: str, rules: Rules, window: Window) -> VariantRounds | None:
    """The rounds whose reward window has closed and whose message was delivered, of the variants that are tested now."""
    sieve = RoundSieve(
        decision="message", rules=reward_rules(rules, "message"), scanned_until_us=log.scanned_until_us
    )
    rows = log.rows(Selection(decision="message", journey=journey))
    inside = (row for row in rows if window.begins_us <= row.decided_at_us < window.ends_us)
    rounds = [(row, each) for row, each in sieve.judgeable(inside) if each.is_delivered]
    if not rounds:
        return None
    variants = tuple(rounds[-1][1].round["actions"])
    rounds = [(row, each) for row, each in rounds if tuple(each.round["actions"]) == variants]
    places: dict[str, int] = {}
    return VariantRounds(
        journey=journey,
        variants=variants,
        unit=rounds[-1][1].rule.kind,
        customers=np.array(
            [places.setdefault(each.record["request"]["customer_id"], len(places)) for _, each in rounds],
            dtype=np.int64,
        ),
        actions=np.array([each.round["action"] for _, each in rounds], dtype=np.int64),
        probabilities=np.array([each.round["probabilities"] for _, each in rounds], dtype=np.float64),
        rewards=np.array([row.reward for row, _ in rounds], dtype=np.float64),
    )
