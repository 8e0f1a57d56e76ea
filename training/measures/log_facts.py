"""Groups, messages and tests out of the decisions of a log, wherever it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from training.evaluation.decision_source import DecisionSource, Selection
from training.evaluation.log_export import LogExport
from training.evaluation.log_rules import reward_rules
from training.evaluation.log_store import LogStore
from training.evaluation.round_sieve import RoundSieve
from training.measures.economics import CustomerSums
from training.measures.exported_decisions import read_exported_decisions
from training.measures.logged_decision import LoggedDecision, Window, read_logged_decisions
from training.measures.message_test import VariantRounds
from training.measures.moment import local_times
from training.measures.response import SentMessages


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


def read_log_facts(connection: Connection, window: Window, time_zone: str) -> LogFacts:
    """What the log holds of the window's decisions; memory: some 500 bytes a decision.

    time_zone: stands in for the one of a customer who was forgotten. Raises: `LogError`.
    """
    decisions = read_logged_decisions(connection, window)
    return _facts(decisions, LogStore(connection=connection), window, time_zone)


def read_export_facts(export: LogExport, window: Window, time_zone: str) -> LogFacts:
    """The same of a log that was exported. Raises: `LogError`."""
    return _facts(read_exported_decisions(export, window), export, window, time_zone)


def _facts(
    decisions: Sequence[LoggedDecision], log: DecisionSource, window: Window, time_zone: str
) -> LogFacts:
    moments = [each.decided_at_us for each in decisions]
    groups, n_moved = _groups(decisions)
    return LogFacts(
        groups=groups,
        messages=_messages(decisions, time_zone),
        tests=_tests(log, window, {each.decision_id: each.customer for each in decisions}),
        n_moved=n_moved,
        n_decisions=len(decisions),
        first_us=min(moments, default=None),
        last_us=max(moments, default=None),
    )


def _groups(decisions: Sequence[LoggedDecision]) -> tuple[dict[tuple[str, str], CustomerSums], int]:
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


def _messages(decisions: Sequence[LoggedDecision], time_zone: str) -> SentMessages:
    sent = [(each, each.message) for each in decisions if each.message is not None]
    places: dict[str, int] = {}
    at_us = np.array([message.effective_at_us for _, message in sent], dtype=np.int64)
    zones = np.array([message.time_zone or time_zone for _, message in sent], dtype=np.str_)
    clock = local_times(at_us, zones)

    def came(*kinds: str) -> np.ndarray:
        return np.array([any(kind in each.told for kind in kinds) for each, _ in sent], dtype=bool)

    return SentMessages(
        customer=np.array(
            [places.setdefault(each.customer, len(places)) for each, _ in sent], dtype=np.int64
        ),
        channel=np.array([message.channel for _, message in sent], dtype=np.str_),
        topic=np.array([each.journey for each, _ in sent], dtype=np.str_),
        hour=clock.astype("datetime64[h]").astype(np.int64) % 24,
        delivered=came("delivered", "opened", "clicked", "redeemed", "unsubscribed"),
        bounced=came("undelivered"),
        opened=came("opened"),
        clicked=came("clicked"),
        unsubscribed=came("unsubscribed"),
    )


def _tests(log: DecisionSource, window: Window, customers: Mapping[str, str]) -> list[VariantRounds]:
    rules = log.rules()
    tested = {str(manifest["journey"]) for manifest in rules.values() if manifest.get("message")}
    found = (_test(log, journey, window, customers) for journey in sorted(tested))
    return [each for each in found if each is not None]


def _test(
    log: DecisionSource, journey: str, window: Window, customers: Mapping[str, str]
) -> VariantRounds | None:
    """The rounds whose reward window has closed and whose message was delivered, of the variants that are tested now."""
    sieve = RoundSieve(
        decision="message", rules=reward_rules(log.rules(), "message"), scanned_until_us=log.scanned_until_us
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
            [places.setdefault(customers[row.decision_id], len(places)) for row, _ in rounds],
            dtype=np.int64,
        ),
        actions=np.array([each.round["action"] for _, each in rounds], dtype=np.int64),
        probabilities=np.array([each.round["probabilities"] for _, each in rounds], dtype=np.float64),
        rewards=np.array([row.reward for row, _ in rounds], dtype=np.float64),
    )
