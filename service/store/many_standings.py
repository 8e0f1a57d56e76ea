"""The standings of many customers with one journey, read together: what `read_standing` reads of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, or_, select

from service.standing import CountedMessage, Draw, Standing
from service.store.coupon_log import RELEASED
from service.store.engine import microseconds
from service.store.ledger import StandingQuery, budget_standing, counted_message, draw_of
from service.store.tables import coupons, draws, messages, standings

_CUSTOMERS: BindParameter[list[str]] = bindparam("customer_ids", expanding=True)
_NOW: BindParameter[int] = bindparam("now")
_VERSIONS = select(standings).where(standings.c.customer_id.in_(_CUSTOMERS))
_MESSAGES = (
    select(messages)
    .where(
        messages.c.customer_id.in_(_CUSTOMERS),
        messages.c.due_at >= bindparam("earliest"),
        messages.c.due_at <= bindparam("latest"),
        or_(messages.c.lapses_at.is_(None), messages.c.lapses_at > _NOW),
    )
    .order_by(messages.c.due_at, messages.c.decision_id)
)
_DRAWS = (
    select(draws)
    .select_from(draws.outerjoin(coupons, coupons.c.decision_id == draws.c.decision_id))
    .where(
        draws.c.customer_id.in_(_CUSTOMERS),
        draws.c.journey == bindparam("journey"),
        or_(draws.c.lapses_at.is_(None), draws.c.lapses_at > _NOW),
        or_(draws.c.lapses_at.is_(None), coupons.c.state.is_(None), coupons.c.state != RELEASED),
    )
    .order_by(draws.c.ends_at.desc())
)


def read_standings(connection: Connection, queries: Sequence[StandingQuery], now: datetime) -> list[Standing]:
    """`read_standing` of each query; they ask about the same journey, horizon and day.

    Versions are read first: what moves while the rest is read is found out when the claims are taken.
    """
    if not queries:
        return []
    asked = [query.customer_id for query in queries]
    versions = {
        row.customer_id: row.version for row in connection.execute(_VERSIONS, {"customer_ids": asked})
    }
    sent = _messages(connection, asked, queries[0], now)
    drawn = _draws(connection, queries, now)
    budget = budget_standing(connection, queries[0])
    return [
        Standing(
            version=versions.get(query.customer_id, 0),
            messages=tuple(sent[query.customer_id]),
            draw=drawn.get(query.customer_id),
            budget=budget,
        )
        for query in queries
    ]


def _messages(
    connection: Connection, asked: Sequence[str], query: StandingQuery, now: datetime
) -> dict[str, list[CountedMessage]]:
    found: dict[str, list[CountedMessage]] = defaultdict(list)
    if query.horizon:
        given = {
            "customer_ids": asked,
            "earliest": microseconds(now - query.horizon),
            "latest": microseconds(now + query.horizon),
            "now": microseconds(now),
        }
        for row in connection.execute(_MESSAGES, given):
            found[row.customer_id].append(counted_message(row))
    return found


def _draws(connection: Connection, queries: Sequence[StandingQuery], now: datetime) -> dict[str, Draw]:
    """Each customer's draw that ends last of those of the period or not over yet."""
    periods = {query.customer_id: query.period for query in queries if query.period is not None}
    if not periods:
        return {}
    given: dict[str, Any] = {
        "customer_ids": list(periods),
        "journey": queries[0].journey,
        "now": microseconds(now),
    }
    found: dict[str, Draw] = {}
    for row in connection.execute(_DRAWS, given):
        counts = row.period == periods[row.customer_id] or row.ends_at > given["now"]
        if counts and row.customer_id not in found:
            found[row.customer_id] = draw_of(row)
    return found
