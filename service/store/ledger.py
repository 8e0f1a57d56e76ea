"""Standings and claims in the log's database.

A claim is taken only if the customer's version is still the one that the decision saw, by one statement that compares and
moves it: of two decisions that saw the same standing one is taken, whichever worker made it. Rows are locked in the order of
their keys, customers before budgets, so that two transactions never wait for each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Engine,
    bindparam,
    delete,
    false,
    func,
    or_,
    select,
    update,
)

from models.reward import SEEN, OutcomeKind
from service.errors import ActivationExpiredError
from service.schemas import Coupon
from service.standing import BudgetStanding, Claims, CountedMessage, Draw, SpendClaim, Standing
from service.store.coupon_log import RELEASED, coupon_row
from service.store.effect import take_effect
from service.store.engine import insert_of, insert_rows, microseconds, moment
from service.store.tables import budgets, coupons, draws, messages, standings


class StandingMovedError(Exception):
    """Another decision claimed first: this one has to be made again from the standing as it is now."""


@dataclass(frozen=True, kw_only=True)
class StandingQuery:
    """Whose standing, when, seen from which journey: the draw's period and the budget's day are None where there is none."""

    at: datetime
    customer_id: str
    journey: str
    horizon: timedelta
    period: str | None
    day: date | None


_CUSTOMER: BindParameter[str] = bindparam("customer_id")
_JOURNEY: BindParameter[str] = bindparam("journey")
_NOW: BindParameter[int] = bindparam("now")
_VERSION = select(standings.c.version).where(standings.c.customer_id == _CUSTOMER)
_MESSAGES = (
    select(messages)
    .where(
        messages.c.customer_id == _CUSTOMER,
        messages.c.due_at >= bindparam("earliest"),
        messages.c.due_at <= bindparam("latest"),
        or_(messages.c.lapses_at.is_(None), messages.c.lapses_at > _NOW),
    )
    .order_by(messages.c.due_at, messages.c.decision_id)
)
_DRAW = (
    select(draws.c.decision_id, draws.c.period, draws.c.ends_at, draws.c.coupon, draws.c.lapses_at)
    .select_from(draws.outerjoin(coupons, coupons.c.decision_id == draws.c.decision_id))
    .where(
        draws.c.customer_id == _CUSTOMER,
        draws.c.journey == _JOURNEY,
        or_(draws.c.period == bindparam("period"), draws.c.ends_at > _NOW),
        or_(draws.c.lapses_at.is_(None), draws.c.lapses_at > _NOW),
        or_(draws.c.lapses_at.is_(None), coupons.c.state.is_(None), coupons.c.state != RELEASED),
    )
    .order_by(draws.c.ends_at.desc())
)
_BUDGET = select(budgets.c.used, budgets.c.price).where(
    budgets.c.journey == _JOURNEY, budgets.c.day == bindparam("day")
)
_SPEND = (
    update(budgets)
    .where(
        budgets.c.journey == bindparam("of_journey"),
        budgets.c.day == bindparam("of_day"),
        budgets.c.used + bindparam("amount") <= bindparam("limit"),
    )
    .values(used=budgets.c.used + bindparam("amount"))
)
_KNOWN = (
    select(standings.c.customer_id)
    .where(standings.c.customer_id.in_(bindparam("customer_ids", expanding=True)))
    .with_for_update(read=True, key_share=True)
)
_BEGIN = update(standings).where(false()).values(version=0)
"""For every decision, so built once: building them anew took four fifths of the processor time of reading a standing."""


def read_standing(connection: Connection, query: StandingQuery) -> Standing:
    """The customer's standing; messages due within the horizon before or after the moment."""
    return Standing(
        version=_version(connection, query.customer_id),
        messages=_messages(connection, query),
        draw=_draw(connection, query),
        budget=budget_standing(connection, query),
    )


def _version(connection: Connection, customer_id: str) -> int:
    return connection.scalar(_VERSION, {"customer_id": customer_id}) or 0


def _messages(connection: Connection, query: StandingQuery) -> tuple[CountedMessage, ...]:
    if not query.horizon:
        return ()
    asked = {
        "customer_id": query.customer_id,
        "earliest": microseconds(query.at - query.horizon),
        "latest": microseconds(query.at + query.horizon),
        "now": microseconds(query.at),
    }
    return tuple(map(counted_message, connection.execute(_MESSAGES, asked)))


def counted_message(row: Any) -> CountedMessage:
    """The message of a row."""
    return CountedMessage(
        due_at=moment(row.due_at),
        channel=row.channel,
        journey=row.journey,
        tags=tuple(json.loads(row.tags)),
    )


def _draw(connection: Connection, query: StandingQuery) -> Draw | None:
    """The draw of this period, or of one that began in another zone and has not ended.

    One that waits counts no longer once its coupon was released, even by a clock that is ahead of ours.
    """
    if query.period is None:
        return None
    asked = {
        "customer_id": query.customer_id,
        "journey": query.journey,
        "period": query.period,
        "now": microseconds(query.at),
    }
    row = connection.execute(_DRAW, asked).first()
    return None if row is None else draw_of(row)


def draw_of(row: Any) -> Draw:
    """The draw of a row."""
    coupon = Coupon.model_validate_json(row.coupon) if row.coupon else None
    return Draw(
        decision_id=row.decision_id,
        period=row.period,
        ends_at=moment(row.ends_at),
        coupon=coupon,
        activate_by=None if row.lapses_at is None else moment(row.lapses_at),
    )


def budget_standing(connection: Connection, query: StandingQuery) -> BudgetStanding | None:
    """How the budget of the query's day stands; None where it has no day."""
    if query.day is None:
        return None
    row = connection.execute(_BUDGET, {"journey": query.journey, "day": query.day.isoformat()}).first()
    return BudgetStanding(day=query.day, used=row.used if row else 0, price=row.price if row else 0.0)


def take_claims(engine: Engine, connection: Connection, wanted: dict[str, Claims]) -> set[str]:
    """The decisions whose claims are taken, of those given by decision id; the others saw a standing that has moved."""
    first: dict[str, str] = {}
    for decision_id, claims in wanted.items():
        first.setdefault(claims.customer_id, decision_id)
    moved = _move_versions(engine, connection, [wanted[decision_id] for decision_id in first.values()])
    taken = [decision_id for customer_id, decision_id in first.items() if customer_id in moved]
    taken = _activate(engine, connection, {decision_id: wanted[decision_id] for decision_id in taken})
    taken = _take_budgets(engine, connection, {decision_id: wanted[decision_id] for decision_id in taken})
    _note(engine, connection, {decision_id: wanted[decision_id] for decision_id in taken})
    return set(taken)


def _move_versions(engine: Engine, connection: Connection, claims: Sequence[Claims]) -> set[str]:
    """The customers whose version was what their claim saw; it is one higher now.

    A customer who had a version and has no row was forgotten meanwhile: what is inserted for one bears a sign that tells it.
    """
    if not claims:
        return set()
    rows = [
        {"customer_id": each.customer_id, "version": _moved(each.standing_version)}
        for each in sorted(claims, key=lambda each: each.customer_id)
    ]
    moved = connection.execute(_move(engine.dialect.name), rows).all()
    forgotten = {row.customer_id for row in moved if row.version < 0}
    if forgotten:
        connection.execute(delete(standings).where(standings.c.customer_id.in_(forgotten)))
    return {row.customer_id for row in moved} - forgotten


def _moved(seen: int) -> int:
    return 1 if seen == 0 else -(seen + 1)


@cache
def _move(dialect: str) -> Any:
    new = insert_of(dialect, standings)
    after = func.abs(new.excluded.version)
    move = new.on_conflict_do_update(
        index_elements=[standings.c.customer_id],
        set_={"version": after},
        where=standings.c.version == after - 1,
    )
    return move.returning(standings.c.customer_id, standings.c.version)


def forgotten_since(connection: Connection, customer_ids: Collection[str]) -> set[str]:
    """Of customers who had a standing, those who were forgotten; the others cannot be until this transaction ends."""
    if not customer_ids:
        return set()
    if connection.dialect.name == "sqlite":
        # its driver begins a transaction with a change, not with a reading
        connection.execute(_BEGIN)
    return set(customer_ids) - set(connection.scalars(_KNOWN, {"customer_ids": list(customer_ids)}))


def _activate(engine: Engine, connection: Connection, wanted: dict[str, Claims]) -> list[str]:
    """The decisions that put no other into effect, and those whose other one had not lapsed: it is in effect with them."""
    taken = []
    for decision_id, claims in sorted(wanted.items()):
        try:
            if claims.activation is not None:
                with connection.begin_nested():
                    take_effect(engine, connection, claims.activation)
        except ActivationExpiredError:
            continue
        taken.append(decision_id)
    return taken


def _take_budgets(engine: Engine, connection: Connection, wanted: dict[str, Claims]) -> list[str]:
    """The decisions that spend of no limited budget, and those whose coupon the day's budget still holds."""
    by_day: dict[tuple[str, str], list[tuple[str, SpendClaim]]] = defaultdict(list)
    taken = []
    for decision_id, claims in wanted.items():
        if claims.spend is None or claims.spend.limit is None:
            taken.append(decision_id)
        else:
            by_day[claims.journey, claims.spend.day.isoformat()].append((decision_id, claims.spend))
    for (journey, day), spends in sorted(by_day.items()):
        row = {"journey": journey, "day": day, "used": 0, "price": 0.0}
        connection.execute(_begin_budget(engine.dialect.name), row)
        if _spend(connection, journey, day, [spend for _, spend in spends]):
            taken += [decision_id for decision_id, _ in spends]
            continue
        taken += [identity for identity, spend in spends if _spend(connection, journey, day, [spend])]
    return taken


def _spend(connection: Connection, journey: str, day: str, spends: Sequence[SpendClaim]) -> bool:
    """Whether the day's budget held all of it; then it is used."""
    amount = sum(spend.amount for spend in spends)
    limit = min(spend.limit for spend in spends if spend.limit is not None)
    asked = {"of_journey": journey, "of_day": day, "amount": amount, "limit": limit}
    return bool(connection.execute(_SPEND, asked).rowcount)


def note_delivery(connection: Connection, decision_id: str, kind: OutcomeKind) -> None:
    """Keep the place of a message that was seen for good; free that of one that was not delivered."""
    mine = update(messages).where(messages.c.decision_id == decision_id)
    if kind in SEEN:
        connection.execute(mine.values(lapses_at=None))
    elif kind is OutcomeKind.UNDELIVERED:
        connection.execute(mine.where(messages.c.lapses_at.is_not(None)).values(lapses_at=0))


@cache
def _begin_budget(dialect: str) -> Any:
    """The row of a day's budget, where there is none."""
    return insert_of(dialect, budgets).on_conflict_do_nothing()


@cache
def _in_place_of_lapsed(dialect: str) -> Any:
    """An insert of draws, each in place of one of the same period."""
    new = insert_of(dialect, draws)
    values = {column.name: new.excluded[column.name] for column in draws.columns if not column.primary_key}
    return new.on_conflict_do_update(index_elements=list(draws.primary_key), set_=values)


def _note(engine: Engine, connection: Connection, taken: dict[str, Claims]) -> None:
    """The rows that later standings are read from."""
    noted: dict[Any, list[dict[str, Any]]] = {messages: [], draws: [], coupons: []}
    for decision_id, claims in taken.items():
        common = {
            "decision_id": decision_id,
            "customer_id": claims.customer_id,
            "journey": claims.journey,
        }
        if claims.message is not None:
            counted = claims.message.message
            noted[messages].append(
                {
                    **common,
                    "channel": counted.channel,
                    "tags": json.dumps(counted.tags),
                    "due_at": microseconds(counted.due_at),
                    "lapses_at": microseconds(claims.message.lapses_at),
                }
            )
        if claims.draw is not None:
            coupon = claims.draw.coupon.model_dump_json() if claims.draw.coupon else None
            lapses_at = claims.draw.lapses_at and microseconds(claims.draw.lapses_at)
            noted[draws].append(
                {
                    **common,
                    "period": claims.draw.period,
                    "ends_at": microseconds(claims.draw.ends_at),
                    "coupon": coupon,
                    "lapses_at": lapses_at,
                }
            )
        if claims.spend is not None:
            noted[coupons].append({**common, **coupon_row(claims.spend)})
    if drawn := noted.pop(draws):
        connection.execute(_in_place_of_lapsed(engine.dialect.name), drawn)
    for table, rows in noted.items():
        if rows:
            insert_rows(connection, table, rows)
