"""What the log holds against what callers were told: each figure is how often a promise was broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from benchmarks.soak.books import Books, Decision
from benchmarks.soak.rules import Rules
from benchmarks.soak.told import Told

GIVEN = ("out", "redeemed", "deferred")
"""States of a coupon in which its face value is used."""
SMALLEST = "10000"
"""The smallest coupon: when it is refused nothing is left."""


def broken_promises(books: Books, told: Told, rules: Rules) -> dict[str, int]:
    """How often each promise was broken, by name."""
    return {
        "answers that are not in the log as given": _answers(books, told),
        "decisions in the log that nobody was answered": len(books.decisions.keys() - told.decision_ids()),
        "idempotency keys that stand for another decision, or none": _keys(books, told),
        "customers over a cap": len(_over_caps(books, told, rules)),
        "messages in quiet hours": _night_messages(books, rules),
        "customers with two coupons of a day": len(_second_coupons(books)),
        "amount over a day's budget, or not as noted": _budgets(books, rules),
        "codes redeemed otherwise than told": _redemptions(books, told),
        "codes shown for good that nobody can redeem": _dead_codes(books, told),
        "activations told and not kept": _activations(books, told),
        "accepted outcomes missing or not taken in": _outcomes(books, told),
        "faults told by callers": len(told.faults),
    }


def seen(books: Books, told: Told) -> dict[str, int]:
    """How often each thing was met that the run is about: with none of it, its promise was not put to the test."""
    known = [each for each in books.decisions.values() if not each.is_erased]
    by_status = Counter(each.row["status"] for each in books.decisions.values())
    deferred = [each for each in books.decisions.values() if each.is_deferred and each.record["rounds"]]
    later = (each for each in books.decisions.values() if each.answer["send_at"] and each.goes_out)
    return {
        "decisions suppressed by a cap": sum(
            each.row["status"] == "suppressed" and bool(_taken(each, "cap")) for each in known
        ),
        "coupons refused by the day's budget, the smallest too": sum(
            SMALLEST in _taken(each, "budget") for each in known
        ),
        "decisions narrowed by quiet hours": sum(bool(_taken(each, "quiet_hours")) for each in known),
        "messages put off to a later hour": sum(each.effective_at > each.decided_at for each in later),
        "fallbacks after a timeout": by_status["fallback"],
        "deferred decisions activated": sum(each.is_in_effect for each in deferred),
        "deferred decisions never activated": sum(not each.is_in_effect for each in deferred),
        "refunds": told.asked["refunds"],
        "outcomes told late": told.asked["outcomes told late"],
        "batches as JSON": told.asked["batches, application/json"],
        "batches as NDJSON": told.asked["batches, application/x-ndjson"],
    }


def _taken(decision: Decision, kind: str) -> set[str]:
    """The actions that rules of this kind took from a decision."""
    reasons = (each for each in decision.answer["reasons"] if each["rule"].split(":")[0] == kind)
    return {action for reason in reasons for action in reason["actions"]}


def figures(books: Books) -> dict[str, int]:
    """What happened, for the reader of the audit."""
    counts = {name: len(books.tables[name]) for name in ("outcomes", "coupons", "activations", "snapshots")}
    by_status = Counter(f"status {each.row['status']}" for each in books.decisions.values())
    return {"decisions": len(books.decisions), **counts, **dict(sorted(by_status.items()))}


def _answers(books: Books, told: Told) -> int:
    """Answers that callers hold and the log does not, byte for byte."""
    wrong = 0
    for identity, content in told.answers():
        decision = books.decisions.get(identity)
        wrong += decision is None or decision.record["answer"].encode() != content
    return wrong


def _keys(books: Books, told: Told) -> int:
    stored = {row["key"]: row["decision_id"] for row in books.tables["idempotency_keys"]}
    return sum(stored.get(key) != identity for key, identity in told.claimed_keys())


def _messages(books: Books, told: Told) -> Iterator[tuple[Decision, datetime]]:
    """Each message that went or will go out as far as anybody can know, and when."""
    for identity, decision in books.decisions.items():
        sent = decision.goes_out and decision.is_in_effect and identity not in told.undelivered
        if sent and decision.answer["channel"]:
            at = decision.answer["send_at"] or decision.answer["decided_at"]
            yield decision, datetime.fromisoformat(at)


def _over_caps(books: Books, told: Told, rules: Rules) -> set[str]:
    """Customers who got more messages in some window than a cap allows."""
    times: dict[tuple[str, str | None], list[datetime]] = defaultdict(list)
    for decision, at in _messages(books, told):
        times[decision.customer, decision.journey].append(at)
        times[decision.customer, None].append(at)
    over = set()
    for journey, window, most in rules.caps():
        for (customer, scope), found in times.items():
            if scope == journey and _fullest(found, window) > most:
                over.add(customer)
    return over


def _fullest(times: list[datetime], window: timedelta) -> int:
    return max(sum(start <= at < start + window for at in times) for start in times)


def _night_messages(books: Books, rules: Rules) -> int:
    """Messages within the quiet hours of customers whose zone the log still tells."""
    wrong = 0
    for decision in books.decisions.values():
        if decision.goes_out and decision.answer["channel"] and not decision.is_erased:
            zone = decision.record["time_zone"] or decision.record["shop"]["time_zone"]
            wrong += rules.is_quiet(decision.journey, decision.effective_at, zone)
    return wrong


def _second_coupons(books: Books) -> set[str]:
    """Customers whom a wheel showed two codes of one period that are in effect, or one that they had not drawn."""
    drawn: dict[tuple[str, str], set[str]] = defaultdict(set)
    own: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, set[str]] = defaultdict(set)
    for decision in books.decisions.values():
        coupon, claims = decision.answer["coupon"], decision.record["claims"]
        if decision.journey != "wheel" or not coupon or decision.is_erased:
            continue
        shown[decision.customer].add(coupon["code"])
        if claims and claims["draw"]:
            own[decision.customer].add(coupon["code"])
            if decision.is_in_effect:
                drawn[decision.customer, claims["draw"]["period"]].add(coupon["code"])
    twice = {customer for (customer, _), codes in drawn.items() if len(codes) > 1}
    return twice | {customer for customer, codes in shown.items() if codes - own[customer]}


def _budgets(books: Books, rules: Rules) -> int:
    """By how much coupons that are out or used pass a day's budget, or differ from what is noted as used."""
    given: Counter[tuple[str, str]] = Counter()
    for coupon in books.tables["coupons"]:
        if coupon["state"] in GIVEN:
            given[coupon["journey"], coupon["day"]] += coupon["amount"]
    noted = {(row["journey"], row["day"]): row["used"] for row in books.tables["budgets"]}
    over = sum(max(amount - rules.budget(journey), 0) for (journey, _), amount in given.items())
    return over + sum(abs(given[key] - noted.get(key, 0)) for key in given.keys() | noted.keys())


def _redemptions(books: Books, told: Told) -> int:
    stored = {row["code"]: row["order_id"] for row in books.tables["coupons"] if row["state"] == "redeemed"}
    return sum(stored.get(code) != order for code, order in told.redeemed())


def _dead_codes(books: Books, told: Told) -> int:
    """Answers in effect that show a code which is not live, though none expires within a run and somebody may see it."""
    live = {row["code"] for row in books.tables["coupons"] if row["state"] in ("out", "redeemed")}
    shown = (
        each
        for identity, each in books.decisions.items()
        if each.goes_out and each.is_in_effect and identity not in told.undelivered
    )
    codes = ((each.answer["coupon"] or {}).get("code") for each in shown)
    return sum(code is not None and code not in live for code in codes)


def _activations(books: Books, told: Told) -> int:
    """Deferred decisions of which a caller was told that they are in effect, and that are not."""
    return sum(not books.decisions[identity].is_in_effect for identity in told.activated)


def _outcomes(books: Books, told: Told) -> int:
    stored = {row["event_id"]: row["snapshot"] for row in books.tables["outcomes"]}
    lost = sum(event not in stored for event in told.events())
    return lost + sum(snapshot is None for snapshot in stored.values())
