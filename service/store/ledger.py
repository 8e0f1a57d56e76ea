"""Standings and claims in the log's database.

A claim is taken only if the customer's version is still the one that the decision saw, by one statement that compares and
moves it: of two decisions that saw the same standing one is taken, whichever worker made it. Rows are locked in the order of
their keys, customers before budgets, so that two transactions never wait for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, delete, false, update

from models.reward import SEEN, OutcomeKind
from service.errors import ActivationExpiredError
from service.standing import Claims, SpendClaim
from service.store.coupon_log import coupon_row
from service.store.driver import Insert, Part, Statement, ask, insert
from service.store.effect import take_effect
from service.store.engine import microseconds
from service.store.tables import coupons, draws, messages, standings


class StandingMovedError(Exception):
    """Another decision claimed first: this one has to be made again from the standing as it is now."""


_MOVE: Final = Insert(
    standings,
    ("customer_id", "version"),
    "ON CONFLICT (customer_id) DO UPDATE SET version = abs(excluded.version)"
    " WHERE standings.version = abs(excluded.version) - 1 RETURNING customer_id, version",
)
_KNOWN: Final = Statement(
    "SELECT customer_id FROM standings WHERE customer_id AMONG :customer_ids FOR KEY SHARE"
)
_BEGIN: Final = update(standings).where(false()).values(version=0)
_SPEND: Final = Statement(
    "INSERT INTO budgets (journey, day, used, price)"
    " SELECT CAST(:journey AS text), CAST(:day AS text), CAST(:amount AS bigint), 0.0"
    " WHERE CAST(:amount AS bigint) <= :limit"
    " ON CONFLICT (journey, day) DO UPDATE SET used = budgets.used + excluded.used"
    " WHERE budgets.used + excluded.used <= :limit RETURNING used"
)
_MESSAGE: Final = Insert(
    messages, ("decision_id", "customer_id", "journey", "channel", "tags", "due_at", "lapses_at")
)
_DRAW_NAMES: Final = ("decision_id", "coupon", "ends_at", "lapses_at")
_DRAW: Final = Insert(
    draws,
    ("customer_id", "journey", "period", *_DRAW_NAMES),
    "ON CONFLICT (customer_id, journey, period) DO UPDATE SET "
    + ", ".join([f"{name} = excluded.{name}" for name in _DRAW_NAMES]),
)
"""In place of one of the same period that lapsed."""
_COUPON: Final = Insert(
    coupons,
    (
        "decision_id",
        "customer_id",
        "journey",
        "code",
        "amount",
        "currency",
        "day",
        "expires_at",
        "lapses_at",
        "state",
    ),
)


def take_claims(engine: Engine, connection: Connection, wanted: dict[str, Claims]) -> set[str]:
    """The decisions whose claims are taken, of those given by decision id; the others saw a standing that has moved.

    What is taken is still to be noted, as `claim_rows` in the same transaction. Of a budget that does not hold all of them
    the first by id have what there is.
    """
    first: dict[str, str] = {}
    for decision_id, claims in wanted.items():
        first.setdefault(claims.customer_id, decision_id)
    moved = _move_versions(connection, [wanted[decision_id] for decision_id in first.values()])
    taken = [decision_id for customer_id, decision_id in first.items() if customer_id in moved]
    taken = _activate(engine, connection, {decision_id: wanted[decision_id] for decision_id in taken})
    return _take_budgets(connection, {decision_id: wanted[decision_id] for decision_id in taken})


def claim_parts(wanted: Mapping[str, Claims]) -> list[Part] | None:
    """The same as parts of one statement, for all of them or none, and noted: standings, then budgets, then the rest.

    None where one puts another decision into effect or two are of one customer.
    """
    claims = list(wanted.values())
    if len({each.customer_id for each in claims}) < len(claims) or any(each.activation for each in claims):
        return None
    moves = [Part(_MOVE, _moves(claims), len(claims), "CASE WHEN version > 0 THEN 1 END")] if claims else []
    spending = [
        Part(_SPEND, _spending(*budget, spends), wanted=1)
        for budget, spends in sorted(_spends(wanted).items())
    ]
    return [*moves, *spending, *(Part(into, rows) for into, rows in claim_rows(wanted).items() if rows)]


def known_parts(customer_ids: Set[str]) -> list[Part]:
    """That none of these customers, who had a standing, was forgotten since, as part of one statement."""
    if not customer_ids:
        return []
    return [Part(_KNOWN, {"customer_ids": list(customer_ids)}, wanted=len(customer_ids))]


def _move_versions(connection: Connection, claims: Sequence[Claims]) -> set[str]:
    """The customers whose version was what their claim saw; it is one higher now.

    A customer who had a version and has no row was forgotten meanwhile: what is inserted for one bears a sign that tells it.
    """
    if not claims:
        return set()
    versions: dict[str, int] = dict(insert(connection, _MOVE, _moves(claims)))
    forgotten = {customer_id for customer_id, version in versions.items() if version < 0}
    if forgotten:
        connection.execute(delete(standings).where(standings.c.customer_id.in_(forgotten)))
    return versions.keys() - forgotten


def _moves(claims: Sequence[Claims]) -> list[dict[str, Any]]:
    return [
        {"customer_id": each.customer_id, "version": _moved(each.standing_version)}
        for each in sorted(claims, key=lambda each: each.customer_id)
    ]


def _moved(seen: int) -> int:
    return 1 if seen == 0 else -(seen + 1)


def forgotten_since(connection: Connection, customer_ids: Collection[str]) -> set[str]:
    """Of customers who had a standing, those who were forgotten; the others cannot be until this transaction ends."""
    if not customer_ids:
        return set()
    if connection.dialect.name == "sqlite":
        # its driver begins a transaction with a change, not with a reading
        connection.execute(_BEGIN)
    known = ask(connection, _KNOWN, {"customer_ids": list(customer_ids)})
    return set(customer_ids) - {customer_id for (customer_id,) in known}


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


def _take_budgets(connection: Connection, wanted: Mapping[str, Claims]) -> set[str]:
    """The decisions that spend of no limited budget, and those whose coupon the day's budget still holds."""
    short: set[str] = set()
    for budget, spends in sorted(_spends(wanted).items()):
        if not _spend(connection, *budget, spends):
            short |= {
                identity
                for identity, spend in spends.items()
                if not _spend(connection, *budget, {identity: spend})
            }
    return wanted.keys() - short


def _spends(wanted: Mapping[str, Claims]) -> dict[tuple[str, str], dict[str, SpendClaim]]:
    """What is spent of limited budgets by decision id, by the budget's journey and day."""
    found: dict[tuple[str, str], dict[str, SpendClaim]] = defaultdict(dict)
    for decision_id, claims in wanted.items():
        if claims.spend is not None and claims.spend.limit is not None:
            found[claims.journey, claims.spend.day.isoformat()][decision_id] = claims.spend
    return found


def _spend(connection: Connection, journey: str, day: str, spends: Mapping[str, SpendClaim]) -> bool:
    """Whether the day's budget held all of it; then it is used."""
    return bool(ask(connection, _SPEND, _spending(journey, day, spends)))


def _spending(journey: str, day: str, spends: Mapping[str, SpendClaim]) -> dict[str, Any]:
    amount = sum(spend.amount for spend in spends.values())
    limit = min(spend.limit for spend in spends.values() if spend.limit is not None)
    return {"journey": journey, "day": day, "amount": amount, "limit": limit}


def note_delivery(connection: Connection, decision_id: str, kind: OutcomeKind) -> None:
    """Keep the place of a message that was seen for good; free that of one that was not delivered."""
    mine = update(messages).where(messages.c.decision_id == decision_id)
    if kind in SEEN:
        connection.execute(mine.values(lapses_at=None))
    elif kind is OutcomeKind.UNDELIVERED:
        connection.execute(mine.where(messages.c.lapses_at.is_not(None)).values(lapses_at=0))


def claim_rows(taken: Mapping[str, Claims]) -> dict[Insert, list[dict[str, Any]]]:
    """The rows that later standings are read from, of claims by decision id."""
    noted: dict[Insert, list[dict[str, Any]]] = {_MESSAGE: [], _COUPON: [], _DRAW: []}
    for decision_id, claims in taken.items():
        common = {
            "decision_id": decision_id,
            "customer_id": claims.customer_id,
            "journey": claims.journey,
        }
        if claims.message is not None:
            counted = claims.message.message
            noted[_MESSAGE].append(
                {
                    **common,
                    "channel": counted.channel,
                    "tags": msgspec.json.encode(counted.tags).decode(),
                    "due_at": microseconds(counted.due_at),
                    "lapses_at": microseconds(claims.message.lapses_at),
                }
            )
        if claims.spend is not None:
            noted[_COUPON].append({**common, **coupon_row(claims.spend)})
        if claims.draw is not None:
            coupon = msgspec.json.encode(claims.draw.coupon).decode() if claims.draw.coupon else None
            lapses_at = claims.draw.lapses_at and microseconds(claims.draw.lapses_at)
            noted[_DRAW].append(
                {
                    **common,
                    "period": claims.draw.period,
                    "ends_at": microseconds(claims.draw.ends_at),
                    "coupon": coupon,
                    "lapses_at": lapses_at,
                }
            )
    return noted
