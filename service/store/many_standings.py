"""The standings of many customers, read together: what `read_standing` reads of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, or_, select

from service.standing import BudgetStanding, CountedMessage, Draw, Standing
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
        draws.c.journey.in_(bindparam("journeys", expanding=True)),
        or_(draws.c.lapses_at.is_(None), draws.c.lapses_at > _NOW),
        or_(draws.c.lapses_at.is_(None), coupons.c.state.is_(None), coupons.c.state != RELEASED),
    )
    .order_by(draws.c.ends_at.desc())
)


def read_standings(connection: Connection, queries: Sequence[StandingQuery]) -> list[Standing]:
    """`read_standing` of each query.

    Versions are read first: what moves while the rest is read is found out when the claims are taken.
    """
    if not queries:
        return []
    asked = list({query.customer_id for query in queries})
    versions = {
        row.customer_id: row.version for row in connection.execute(_VERSIONS, {"customer_ids": asked})
    }
    sent, drawn = _messages(connection, queries), _draws(connection, queries)
    budgets = _budgets(connection, queries)
    return [
        Standing(
            version=versions.get(query.customer_id, 0),
            messages=_counted(sent[query.customer_id], query),
            draw=_running(drawn[query.customer_id, query.journey], query),
            budget=budgets[query.journey, query.day],
        )
        for query in queries
    ]


def _messages(connection: Connection, queries: Sequence[StandingQuery]) -> dict[str, list[Any]]:
    """Each customer's rows that may count for one of the queries."""
    found: dict[str, list[Any]] = defaultdict(list)
    wanted = [query for query in queries if query.horizon]
    if wanted:
        given = {
            "customer_ids": list({query.customer_id for query in wanted}),
            "earliest": microseconds(min(query.at - query.horizon for query in wanted)),
            "latest": microseconds(max(query.at + query.horizon for query in wanted)),
            "now": microseconds(min(query.at for query in wanted)),
        }
        for row in connection.execute(_MESSAGES, given):
            found[row.customer_id].append(row)
    return found


def _counted(rows: Sequence[Any], query: StandingQuery) -> tuple[CountedMessage, ...]:
    """The messages that count for a query."""
    if not rows or not query.horizon:
        return ()
    now, reach = microseconds(query.at), query.horizon // timedelta(microseconds=1)
    return tuple(
        [
            counted_message(row)
            for row in rows
            if abs(row.due_at - now) <= reach and (row.lapses_at is None or row.lapses_at > now)
        ]
    )


def _draws(connection: Connection, queries: Sequence[StandingQuery]) -> dict[tuple[str, str], list[Any]]:
    """The rows that may be the draw of one of the queries, by customer and journey, the last to end first."""
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    wanted = [query for query in queries if query.period is not None]
    if wanted:
        given: dict[str, Any] = {
            "customer_ids": list({query.customer_id for query in wanted}),
            "journeys": list({query.journey for query in wanted}),
            "now": microseconds(min(query.at for query in wanted)),
        }
        for row in connection.execute(_DRAWS, given):
            found[row.customer_id, row.journey].append(row)
    return found


def _running(rows: Sequence[Any], query: StandingQuery) -> Draw | None:
    """The draw that counts for a query."""
    if not rows or query.period is None:
        return None
    now = microseconds(query.at)
    for row in rows:
        waits = row.lapses_at is None or row.lapses_at > now
        if waits and (row.period == query.period or row.ends_at > now):
            return draw_of(row)
    return None


def _budgets(
    connection: Connection, queries: Sequence[StandingQuery]
) -> dict[tuple[str, date | None], BudgetStanding | None]:
    """The standing of each budget that is asked for."""
    one_of_each = {(query.journey, query.day): query for query in queries}
    return {which: budget_standing(connection, query) for which, query in one_of_each.items()}
