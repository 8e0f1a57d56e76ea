"""What the log holds against what callers were told: each figure is how often a promise was broken."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import dict_row

from benchmarks.soak.load import Told
from models.artifact import Artifact

CAPS = {("weekly", 24.0): 2, ("any", 48.0): 4}
BUDGETS = {"weekly": 3_000_000, "wheel": 4_000_000}
LEARNT_GROUPS = ("decisioning", "random")


def audit(url: str, told: Told) -> dict[str, int]:
    """How often each promise was broken, by name."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        decisions = {row["decision_id"]: row for row in _rows(connection, "SELECT * FROM decisions")}
        coupons = _rows(connection, "SELECT * FROM coupons")
        return {
            "answers that are not in the log as given": _answers(told, decisions),
            "decisions in the log that nobody was answered": len(decisions.keys() - told.answers.keys()),
            "idempotency keys with two decisions": _keys(connection, told),
            "customers over a cap": _caps(told, decisions),
            "customers with two coupons of a day": _second_coupons(decisions),
            "amount over a day's budget, or not as noted": _budgets(
                coupons, _rows(connection, "SELECT * FROM budgets")
            ),
            "codes redeemed otherwise than told": _redemptions(told, coupons),
            "accepted outcomes missing or not taken in": _outcomes(connection, told),
            "rounds learnt twice or not at all": _learnt(connection),
            "faults told by callers": len(told.faults),
        }


def _rows(connection: psycopg.Connection[dict[str, Any]], query: str) -> list[dict[str, Any]]:
    return connection.execute(query.encode()).fetchall()


def _answers(told: Told, decisions: dict[str, dict[str, Any]]) -> int:
    """Answers that callers hold and the log does not, byte for byte."""
    wrong = 0
    for identity, content in told.answers.items():
        row = decisions.get(identity)
        wrong += row is None or json.loads(row["record"])["answer"].encode() != content
    return wrong


def _keys(connection: psycopg.Connection[dict[str, Any]], told: Told) -> int:
    query = "SELECT key, decision_id FROM idempotency_keys WHERE decision_id IS NOT NULL"
    stored = {row["key"]: row["decision_id"] for row in _rows(connection, query)}
    return sum(stored.get(key) != identity for key, identity in told.by_key.items())


def _sent(told: Told, decisions: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, datetime]]:
    """Customer, journey and time of each message that went out as far as anybody can know."""
    for identity, row in decisions.items():
        if row["status"] != "act" or identity in told.undelivered or identity in told.unused:
            continue
        record = json.loads(row["record"])
        if record["request"]["activate"] == "deferred" and identity not in told.answers:
            continue  # nobody got it, so nobody activated it
        answer = json.loads(record["answer"])
        if answer["channel"]:
            at = answer["send_at"] or answer["decided_at"]
            yield row["customer_id"], row["journey"], datetime.fromisoformat(at)


def _caps(told: Told, decisions: dict[str, dict[str, Any]]) -> int:
    """Customers who got more messages in some window than a cap allows."""
    times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for customer, journey, at in _sent(told, decisions):
        times[customer, journey].append(at)
        times[customer, "any"].append(at)
    over = set()
    for (customer, scope), found in times.items():
        for (capped, hours), most in CAPS.items():
            if scope == capped and _fullest(sorted(found), timedelta(hours=hours)) > most:
                over.add(customer)
    return len(over)


def _fullest(times: list[datetime], window: timedelta) -> int:
    return max(sum(start <= at < start + window for at in times) for start in times)


def _second_coupons(decisions: dict[str, dict[str, Any]]) -> int:
    """Customers whom the wheel showed two codes within one day, or one that they had not drawn."""
    drawn: dict[tuple[str, str], set[str]] = defaultdict(set)
    shown: dict[str, set[str]] = defaultdict(set)
    for row in decisions.values():
        record = json.loads(row["record"])
        coupon = json.loads(record["answer"])["coupon"]
        if row["journey"] == "wheel" and coupon:
            shown[row["customer_id"]].add(coupon["code"])
            if record["claims"]:
                drawn[row["customer_id"], record["claims"]["draw"]["period"]].add(coupon["code"])
    twice = {customer for (customer, _), codes in drawn.items() if len(codes) > 1}
    owned: dict[str, set[str]] = defaultdict(set)
    for (customer, _), codes in drawn.items():
        owned[customer] |= codes
    return len(twice | {customer for customer, codes in shown.items() if codes - owned[customer]})


def _budgets(coupons: list[dict[str, Any]], budgets: list[dict[str, Any]]) -> int:
    """By how much coupons that are out or used pass a day's budget, or differ from what is noted as used."""
    given: Counter[tuple[str, str]] = Counter()
    for coupon in coupons:
        if coupon["state"] in ("out", "redeemed", "deferred"):
            given[coupon["journey"], coupon["day"]] += coupon["amount"]
    noted = {(row["journey"], row["day"]): row["used"] for row in budgets}
    over = sum(max(amount - BUDGETS[journey], 0) for (journey, _), amount in given.items())
    return over + sum(abs(given[key] - noted.get(key, 0)) for key in given.keys() | noted.keys())


def _redemptions(told: Told, coupons: list[dict[str, Any]]) -> int:
    stored = {coupon["code"]: coupon["order_id"] for coupon in coupons if coupon["state"] == "redeemed"}
    return sum(stored.get(code) != order for code, order in told.redeemed.items())


def _outcomes(connection: psycopg.Connection[dict[str, Any]], told: Told) -> int:
    stored = {row["event_id"]: row["snapshot"] for row in _rows(connection, "SELECT * FROM outcomes")}
    lost = sum(event not in stored for event in told.accepted)
    return lost + sum(snapshot is None for snapshot in stored.values())


def _learnt(connection: psycopg.Connection[dict[str, Any]]) -> int:
    """By how many rounds the policies' sums differ from the rewards that are resolved."""
    query = "SELECT name, digest FROM champions WHERE name LIKE '%_policy'"
    wrong = 0.0
    for row in _rows(connection, query):
        start = _artifact(connection, "SELECT content FROM artifacts WHERE digest = %s", row["digest"])
        fold = _artifact(connection, "SELECT content FROM folds WHERE name = %s", row["name"])
        learnt = float(np.sum(fold.arrays["count"][:1]) - np.sum(start.arrays["count"][:1]))
        wrong += abs(learnt - _resolved(connection, row["name"].removesuffix("_policy")))
    return round(wrong)


def _artifact(connection: psycopg.Connection[dict[str, Any]], query: str, key: str) -> Artifact:
    row = connection.execute(query.encode(), (key,)).fetchone()
    assert row is not None, f"nothing stored of {key}"
    return Artifact.from_bytes(bytes(row["content"]))


def _resolved(connection: psycopg.Connection[dict[str, Any]], decision: str) -> int:
    query = (
        "SELECT count(*) AS n FROM rewards JOIN decisions USING (decision_id) "
        "WHERE rewards.decision = %s AND rewards.state = 'resolved' AND decisions.group_name = ANY(%s)"
    )
    row = connection.execute(query.encode(), (decision, list(LEARNT_GROUPS))).fetchone()
    assert row is not None
    return int(row["n"])


def settled(url: str) -> bool:
    """Whether the learner has nothing more to do: every outcome taken in, no reward still open."""
    open_rewards = "SELECT count(*) AS n FROM rewards WHERE state = 'open'"
    fresh = "SELECT count(*) AS n FROM outcomes WHERE snapshot IS NULL"
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return all(_rows(connection, query)[0]["n"] == 0 for query in (open_rewards, fresh))


def figures(url: str) -> dict[str, int]:
    """What happened, for the reader of the audit."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        counts = {
            name: _rows(connection, f"SELECT count(*) AS n FROM {name}")[0]["n"]
            for name in ("decisions", "outcomes", "messages", "draws", "coupons", "snapshots")
        }
        by_status = _rows(
            connection, "SELECT status, count(*) AS n FROM decisions GROUP BY status ORDER BY 1"
        )
        return {**counts, **{f"status {row['status']}": row["n"] for row in by_status}}
