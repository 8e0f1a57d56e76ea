"""Forgetting one customer: who it was and what was known of them goes; what the log's statistics need stays.

The customer becomes a random pseudonym, the same in every row, so that rows of one customer still belong together. Of a
decision's record the features, the request's facts and trigger, the time zone, the standing, the reasons and the coupon's
code go. The rounds stay, with contexts, probabilities and propensities, and so do rewards and outcomes: what was learnt
remains learnt, an evaluation gives the numbers it gave. Such a record cannot be decided again; `verify` counts it apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, text, update

from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.standing import Standing
from service.store.engine import microseconds
from service.store.tables import (
    coupons,
    decisions,
    draws,
    erasures,
    idempotency_keys,
    messages,
    outcomes,
    standings,
)

_AT_ONCE: Final = 500
_KEPT_OF_REQUEST: Final = frozenset({"journey", "decide", "eligible", "excluded", "activate"})
_CHANGED: Final = (decisions, outcomes, messages, draws, coupons, standings, idempotency_keys)


@dataclass(frozen=True)
class Erasure:
    """What was done: the pseudonym that stands for the customer now, and the rows changed by table."""

    pseudonym: str
    rows: dict[str, int]


def forget_customer(
    connection: Connection, customer_id: str, *, randomness: bytes, now: datetime
) -> Erasure | None:
    """Replace the customer everywhere in the log, in this transaction; None when the log knows nothing of them.

    randomness: sixteen bytes that nobody else knows; the pseudonym is made of nothing else.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    pseudonym = f"erased-{randomness.hex()}"
    identities = list(connection.scalars(_ids(customer_id)))
    found = {
        "decisions": _erase_decisions(connection, customer_id, pseudonym),
        "outcomes": _erase_outcomes(connection, identities, customer_id, pseudonym),
        "idempotency_keys": _erase_keys(connection, identities, customer_id),
        "coupons": _erase_coupons(connection, customer_id, pseudonym, randomness),
    }
    for table, values in ((messages, {}), (draws, {"coupon": None}), (standings, {})):
        mine = update(table).where(table.c.customer_id == customer_id)
        found[table.name] = connection.execute(mine.values(customer_id=pseudonym, **values)).rowcount
    if not any(found.values()):
        return None
    connection.execute(insert(erasures).values(pseudonym=pseudonym, erased_at=microseconds(now)))
    return Erasure(pseudonym, {name: rows for name, rows in found.items() if rows})


class ScrubError(RuntimeError):
    """What was erased still stands in a file of the database."""


def scrub(engine: Engine) -> None:
    """Take what was overwritten out of the database's files too, as far as the database does that.

    SQLite: its file is written anew and its write-ahead log emptied. PostgreSQL: VACUUM; its write-ahead log, replicas and
    backups keep old pages until they age out.

    Raises: `ScrubError` when somebody reads a SQLite log for so long that its write-ahead log cannot be emptied.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("VACUUM"))
            busy, _, _ = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
            if busy:
                raise ScrubError(
                    "the write-ahead log still holds what was erased: somebody is reading the log"
                )
        else:
            connection.execute(text(f"VACUUM {', '.join(table.name for table in _CHANGED)}"))


def anonymous(record: DecisionRecord, pseudonym: str) -> DecisionRecord:
    """The record without what tells who it was about."""
    kept = {name: getattr(record.request, name) for name in _KEPT_OF_REQUEST}
    return record.model_copy(
        update={
            "request": DecideRequest(customer_id=pseudonym, **kept),
            "features": "",
            "time_zone": "",
            "standing": Standing(),
            "claims": None,
            "answer": _anonymous_answer(record.answer, pseudonym),
        }
    )


def is_erased(record: DecisionRecord, pseudonyms: set[str]) -> bool:
    """Whether the record is what an erasure left, so that it cannot be decided again."""
    return not record.features and record.request.customer_id in pseudonyms


def _anonymous_answer(answer: str, pseudonym: str) -> str:
    said = json.loads(answer)
    said["customer_id"] = pseudonym
    said["reasons"] = []
    if said.get("coupon"):
        said["coupon"] = {**said["coupon"], "code": None, "token": None}
    return json.dumps(said)


def _ids(customer_id: str) -> Any:
    return select(decisions.c.decision_id).where(decisions.c.customer_id == customer_id)


def _erase_decisions(connection: Connection, customer_id: str, pseudonym: str) -> int:
    own = update(decisions).where(decisions.c.decision_id == bindparam("own"))
    statement = own.values(customer_id=pseudonym, record=bindparam("content"))
    changed = 0
    while portion := connection.execute(
        select(decisions.c.decision_id, decisions.c.record)
        .where(decisions.c.customer_id == customer_id)
        .limit(_AT_ONCE)
    ).all():
        rows = [
            {
                "own": row.decision_id,
                "content": anonymous(DecisionRecord.model_validate_json(row.record), pseudonym)
                .model_dump_json()
                .encode(),
            }
            for row in portion
        ]
        connection.execute(statement, rows)
        changed += len(rows)
    return changed


def _erase_outcomes(connection: Connection, identities: list[str], customer_id: str, pseudonym: str) -> int:
    """Rename the facts whose id names the customer; the others keep theirs, which tells a fact that is sent twice."""
    changed = 0
    for part in _portions(identities):
        query = select(outcomes.c.event_id).where(outcomes.c.decision_id.in_(part))
        for number, event_id in enumerate(connection.scalars(query).all()):
            if _names(customer_id).search(event_id):
                renamed = f"{pseudonym}-{part[0]}-{number}"
                own = update(outcomes).where(outcomes.c.event_id == event_id)
                changed += connection.execute(own.values(event_id=renamed)).rowcount
    return changed


def _erase_keys(connection: Connection, identities: list[str], customer_id: str) -> int:
    """Drop the keys that stand for the customer's decisions or whose text or kept answer names the customer."""
    changed = 0
    for part in _portions(identities):
        mine = delete(idempotency_keys).where(idempotency_keys.c.decision_id.in_(part))
        changed += connection.execute(mine).rowcount
    kept = connection.execute(
        select(idempotency_keys.c.scope, idempotency_keys.c.key, idempotency_keys.c.content)
    ).all()
    quoted = re.compile(rb'"%b\\?"' % re.escape(json.dumps(customer_id)[1:-1].encode()))
    for row in kept:
        if _names(customer_id).search(row.key) or quoted.search(row.content or b""):
            own = (idempotency_keys.c.scope == row.scope) & (idempotency_keys.c.key == row.key)
            changed += connection.execute(delete(idempotency_keys).where(own)).rowcount
    return changed


def _names(customer_id: str) -> re.Pattern[str]:
    """Finds the customer's id as a word of its own."""
    return re.compile(rf"(?<![0-9A-Za-z]){re.escape(customer_id)}(?![0-9A-Za-z])")


def _erase_coupons(connection: Connection, customer_id: str, pseudonym: str, randomness: bytes) -> int:
    """Keep what budgets count; the code, which the customer has in hand, can no longer be redeemed."""
    mine = select(coupons.c.decision_id).where(coupons.c.customer_id == customer_id)
    found = connection.scalars(mine).all()
    for number, identity in enumerate(found):
        code = f"x{randomness[:5].hex()}{number:08x}"  # as unique as a code has to be, and none
        own = update(coupons).where(coupons.c.decision_id == identity)
        connection.execute(own.values(customer_id=pseudonym, code=code, order_id=None))
    return len(found)


def _portions(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
