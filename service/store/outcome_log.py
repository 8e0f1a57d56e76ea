"""Taking in outcomes: each once, each accepted or refused on its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, select

from models.reward import SEEN, Outcome, OutcomeKind
from service.schemas import OutcomeItem, OutcomeResult
from service.store.engine import insert_or_ignore, microseconds, moment
from service.store.ledger import note_delivery
from service.store.redemption_log import note_told_redemption
from service.store.tables import coupons, decisions, outcomes
from service.store.unseen_coupon import release_unseen, revive_seen

CLOCK_SKEW = timedelta(hours=1)
_MONEY = {OutcomeKind.PURCHASED, OutcomeKind.REDEEMED, OutcomeKind.REFUNDED}


def record_outcomes(
    engine: Engine,
    items: Sequence[OutcomeItem],
    *,
    currency: str,
    received_at: datetime,
    late_after: timedelta = timedelta.max,
) -> list[OutcomeResult]:
    """What became of each item, in order; the accepted ones are committed.

    Already known and equal: 200. Known under the same `event_id` with other content: 409. Unknown decision: 404. An amount
    without its currency or in another one than the shop's: 422. New, but told more than `late_after` after the decision took
    effect: 410.
    """
    with engine.begin() as connection:
        book = _Book(engine, connection, currency, received_at, late_after)
        known = _known(connection, {item.decision_id for item in items})
        return [_record(book, item, known.get(item.decision_id)) for item in items]


class _Book(NamedTuple):
    engine: Engine
    connection: Connection
    currency: str
    received_at: datetime
    late_after: timedelta


class _Known(NamedTuple):
    began: datetime
    repeats: str | None
    has_coupon: bool


def _known(connection: Connection, ids: set[str]) -> dict[str, _Known]:
    """Of each of the decisions in the log, when it took effect, whose draw it answered again, whether it gave a coupon."""
    wanted = (decisions.c.decision_id, decisions.c.effective_at, decisions.c.repeats, coupons.c.code)
    given = decisions.outerjoin(coupons, coupons.c.decision_id == decisions.c.decision_id)
    query = select(*wanted).select_from(given).where(decisions.c.decision_id.in_(ids))
    return {
        row.decision_id: _Known(moment(row.effective_at), row.repeats, row.code is not None)
        for row in connection.execute(query)
    }


def _record(book: _Book, item: OutcomeItem, decision: _Known | None) -> OutcomeResult:
    """What became of the item. Money goes to the decision that drew the coupon; one that showed it again chose nothing."""
    if decision is None:
        return _result(item, 404, f"no decision {item.decision_id!r} in the log")
    fault = _money_fault(item, book.currency) or _time_fault(item, book.received_at)
    if fault:
        return _result(item, 422, fault)
    row = {
        "event_id": item.event_id,
        "decision_id": (decision.repeats if item.kind in _MONEY else None) or item.decision_id,
        "kind": item.kind.value,
        "value": item.value,
        "currency": item.currency,
        "occurred_at": microseconds(item.occurred_at),
    }
    late = book.received_at - decision.began > book.late_after
    if item.kind is OutcomeKind.REDEEMED and not late and not _is_news(book, row):
        return _result(item, 200, "known already: it was noted when the coupon was redeemed")
    if not late and _add(book, row):
        note_delivery(book.connection, item.decision_id, item.kind)
        if decision.has_coupon:
            _note_coupon(book, item)
        return _result(item, 202, "accepted")
    query = select(outcomes).where(outcomes.c.event_id == item.event_id)
    stored = book.connection.execute(query).mappings().one_or_none()
    if stored is None:
        limit = f"{book.late_after / timedelta(days=1):g} days"
        return _result(item, 410, f"told more than {limit} after the decision took effect; not taken in")
    if all(stored[name] == value for name, value in row.items()):
        return _result(item, 200, "known already")
    return _result(item, 409, f"event_id {item.event_id!r} was used for another outcome")


def _note_coupon(book: _Book, item: OutcomeItem) -> None:
    """Release the coupon of a message that reached nobody; take that back where it did reach somebody."""
    if item.kind is OutcomeKind.UNDELIVERED:
        release_unseen(book.connection, item.decision_id)
    elif item.kind in SEEN:
        revive_seen(book.connection, item.decision_id, microseconds(book.received_at))


def _is_news(book: _Book, row: dict[str, Any]) -> bool:
    """Whether a redemption is to be noted, or compared with what was noted under its id; not if an order redeemed here."""
    known = select(outcomes.c.event_id).where(outcomes.c.event_id == row["event_id"])
    if book.connection.scalar(known) is not None:
        return True
    at, discount = moment(row["occurred_at"]), row["value"]
    return note_told_redemption(book.connection, row["decision_id"], at=at, discount=discount)


def _add(book: _Book, row: dict[str, Any]) -> bool:
    """Whether the row is new."""
    values = {**row, "received_at": microseconds(book.received_at)}
    added = insert_or_ignore(book.engine, outcomes).values(values).returning(outcomes.c.event_id)
    return book.connection.scalar(added) is not None


def _money_fault(item: OutcomeItem, currency: str) -> str | None:
    if item.kind in _MONEY and item.currency != currency:
        return f"{item.kind} needs currency {currency!r}; found {item.currency!r}"
    if item.kind not in _MONEY and item.value:
        return f"{item.kind} carries no amount; found value {item.value}"
    return None


def _time_fault(item: OutcomeItem, received_at: datetime) -> str | None:
    if item.occurred_at > received_at + CLOCK_SKEW:
        return f"occurred_at {item.occurred_at.isoformat()} lies in the future; now it is {received_at.isoformat()}"
    return None


def _result(item: OutcomeItem, status: Any, detail: str) -> OutcomeResult:
    return OutcomeResult(event_id=item.event_id, status=status, detail=detail)


def outcomes_of(connection: Connection, decision_ids: Sequence[str]) -> dict[str, list[Outcome]]:
    """The outcomes of each of these decisions, in order of time; an empty list where there are none."""
    found: dict[str, list[Outcome]] = {decision_id: [] for decision_id in decision_ids}
    query = (
        select(outcomes)
        .where(outcomes.c.decision_id.in_(decision_ids))
        .order_by(outcomes.c.occurred_at, outcomes.c.event_id)
    )
    for row in connection.execute(query).mappings():
        outcome = Outcome(OutcomeKind(row["kind"]), row["value"], moment(row["occurred_at"]))
        found[row["decision_id"]].append(outcome)
    return found
