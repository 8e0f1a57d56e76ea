"""Reading where customers stand, of many at once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from msgspec.json import Decoder
from sqlalchemy import Connection

from service.schemas import Coupon
from service.standing import BudgetStanding, CountedMessage, Draw, Standing
from service.store.driver import Statement, ask
from service.store.engine import microseconds, moment

_COUPON: Final = Decoder(Coupon)


@dataclass(frozen=True, kw_only=True)
class StandingQuery:
    """Whose standing, when, seen from which journey.

    draws: whether the journey has a draw a period; day: its budget's, None where there is none.
    """

    at: datetime
    customer_id: str
    journey: str
    horizon: timedelta
    draws: bool
    day: date | None


class _Row(NamedTuple):
    """A row of any part of a standing; what a column means there, `_FIND` says."""

    part: str
    customer_id: str
    journey: str
    decision_id: str
    name: str | None
    content: str | None
    at: int
    until: int | None
    price: float


_FIND: Final = Statement("""
SELECT 'version', customer_id, '', '', '', '', version, 0, 0.0
FROM standings WHERE customer_id AMONG :customer_ids
UNION ALL
SELECT 'message', customer_id, journey, decision_id, channel, tags, due_at, lapses_at, 0.0
FROM messages WHERE customer_id AMONG :customer_ids AND due_at BETWEEN :earliest AND :latest
    AND (lapses_at IS NULL OR lapses_at > :now)
UNION ALL
SELECT 'draw', draws.customer_id, draws.journey, draws.decision_id, period, coupon, ends_at, draws.lapses_at, 0.0
FROM draws LEFT JOIN coupons ON coupons.decision_id = draws.decision_id
WHERE draws.customer_id AMONG :drawing AND draws.journey AMONG :journeys
    AND (draws.lapses_at IS NULL
        OR (draws.lapses_at > :now AND (coupons.state IS NULL OR coupons.state <> 'released')))
UNION ALL
SELECT 'budget', '', journey, '', day, '', used, 0, price
FROM budgets WHERE journey AMONG :journeys AND day AMONG :days
""")
"""One statement, since each costs more than what it finds. A draw that waits counts no longer once its coupon was released,
even by a clock that is ahead of ours.
"""


@dataclass(frozen=True, slots=True)
class FoundStanding:
    """What the log has of a query's standing."""

    query: StandingQuery
    version: int
    messages: Sequence[_Row]
    draws: Sequence[_Row]
    budget: Sequence[_Row]

    def within(self, period: str | None) -> Standing:
        """The standing: messages due within the query's horizon before or after its moment, the draw of the period or of one
        that began in another zone and has not ended, and how the budget of its day stands.
        """
        return Standing(
            version=self.version,
            messages=_counted(self.messages, self.query),
            draw=None if period is None else _running(self.draws, self.query, period),
            budget=None if self.query.day is None else _budget(self.budget, self.query.day),
        )


def read_standings(connection: Connection, queries: Sequence[StandingQuery]) -> list[FoundStanding]:
    """What the log has of each query. What moves after it was read is found out when the claims are taken."""
    if not queries:
        return []
    reaching = [query for query in queries if query.horizon] or queries[:1]
    given = {
        "customer_ids": list({query.customer_id for query in queries}),
        "earliest": microseconds(min([query.at - query.horizon for query in reaching])),
        "latest": microseconds(max([query.at + query.horizon for query in reaching])),
        "now": microseconds(min([query.at for query in queries])),
        "drawing": list({query.customer_id for query in queries if query.draws}),
        "journeys": list({query.journey for query in queries}),
        "days": list({query.day.isoformat() for query in queries if query.day is not None}),
    }
    rows: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for row in map(_Row._make, ask(connection, _FIND, given)):
        rows[_place(row)].append(row)
    return [_found(rows, query) for query in queries]


def _place(row: _Row) -> tuple[str, ...]:
    """Where the row is looked for."""
    match row.part:
        case "budget":
            return row.part, row.journey, row.name or ""
        case "draw":
            return row.part, row.customer_id, row.journey
        case _:
            return row.part, row.customer_id


def _found(rows: Mapping[tuple[str, ...], list[_Row]], query: StandingQuery) -> FoundStanding:
    customer_id, journey = query.customer_id, query.journey
    versions = rows.get(("version", customer_id))
    return FoundStanding(
        query,
        version=versions[0].at if versions else 0,
        messages=rows.get(("message", customer_id), ()),
        draws=rows.get(("draw", customer_id, journey), ()),
        budget=rows.get(("budget", journey, query.day.isoformat()), ()) if query.day else (),
    )


def _counted(rows: Sequence[_Row], query: StandingQuery) -> tuple[CountedMessage, ...]:
    """The messages that count for a query, in the order of their times."""
    if not rows or not query.horizon:
        return ()
    now, reach = microseconds(query.at), query.horizon // timedelta(microseconds=1)
    counting = [row for row in rows if abs(row.at - now) <= reach and (row.until is None or row.until > now)]
    return tuple(
        [
            CountedMessage(
                due_at=moment(row.at),
                channel=row.name,
                journey=row.journey,
                tags=tuple(json.loads(row.content or "")),
            )
            for row in sorted(counting, key=lambda row: (row.at, row.decision_id))
        ]
    )


def _running(rows: Sequence[_Row], query: StandingQuery, period: str) -> Draw | None:
    """The draw that counts for a query and a period: of several the one that ends last."""
    now = microseconds(query.at)
    running = [
        row for row in rows if (row.until is None or row.until > now) and (row.name == period or row.at > now)
    ]
    if not running:
        return None
    row = max(running, key=lambda row: row.at)
    return Draw(
        decision_id=row.decision_id,
        period=row.name or "",
        ends_at=moment(row.at),
        coupon=_COUPON.decode(row.content) if row.content else None,
        activate_by=None if row.until is None else moment(row.until),
    )


def _budget(rows: Sequence[_Row], day: date) -> BudgetStanding:
    return BudgetStanding(day=day, used=rows[0].at if rows else 0, price=rows[0].price if rows else 0.0)
