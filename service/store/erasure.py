"""Forgetting one customer: who it was and what was known of them goes; what the log's statistics need stays.

The customer becomes a random pseudonym, the same in every row, so that rows of one customer still belong together. Of a
decision's record the features, the request's facts and trigger, the time zone, the standing, the reasons and the coupon's
code go. The rounds stay, with contexts, probabilities and propensities, and so do rewards and outcomes: what was learnt
remains learnt, an evaluation gives the numbers it gave. Such a record cannot be decided again; `verify` counts it apart.
What was told of them, their traits and the anonymous ids they were known by are deleted: nothing was learnt from those.

Rows are locked in the order of all that write to the ledger: keys, standings, messages, coupons, draws. Once the standing is
taken, no decision that was made from it is committed any more (`service/store/ledger.py`), so nothing comes in behind.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, insert, text

from service.record import DecisionRecord
from service.store.engine import microseconds
from service.store.event_erasure import erase_events
from service.store.naming import Naming
from service.store.row_erasure import (
    erase_coupons,
    erase_decisions,
    erase_keys,
    erase_outcomes,
    erase_rankings,
    ids_of,
    rename,
    take_standing,
)
from service.store.tables import (
    coupons,
    decisions,
    draws,
    erasures,
    events,
    events_aside,
    idempotency_keys,
    identities,
    messages,
    outcomes,
    rank_events,
    stale_features,
    standings,
    traits,
)

_CLOCKS_DIFFER: Final = timedelta(hours=1)
_CHANGED: Final = (
    *(decisions, outcomes, messages, draws, coupons, standings),
    *(idempotency_keys, rank_events),
    *(events, events_aside, identities, traits, stale_features),
)


@dataclass(frozen=True)
class Erasure:
    """What was done: the pseudonym that stands for the customer now, and the rows changed by table."""

    pseudonym: str
    rows: dict[str, int]


def forget_customer(
    connection: Connection, customer_id: str, *, randomness: bytes, now: datetime
) -> Erasure | None:
    """Replace the customer everywhere in the log, in this transaction; None when the log knows nothing of them.

    The long part comes before the standing is taken, for which decisions about the customer wait, and once more after it,
    for what came in meanwhile.

    randomness: sixteen bytes that nobody else knows; the pseudonym is made of nothing else.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    pseudonym, naming = f"erased-{randomness.hex()}", Naming(customer_id)
    found = Counter(idempotency_keys=erase_keys(connection, ids_of(connection, customer_id), naming, since=0))
    ids = erase_decisions(connection, customer_id, pseudonym)
    found["standings"] = take_standing(connection, customer_id)
    found["messages"] = rename(connection, messages, customer_id, pseudonym)
    found["coupons"] = erase_coupons(connection, customer_id, pseudonym)
    found["draws"] = rename(connection, draws, customer_id, pseudonym, coupon=None)
    ids += erase_decisions(connection, customer_id, pseudonym)
    since = microseconds(now - _CLOCKS_DIFFER)
    found["idempotency_keys"] += erase_keys(connection, ids, naming, since=since)
    found["decisions"] = len(ids)
    found["outcomes"] = erase_outcomes(connection, ids, naming, pseudonym)
    found["rank_events"] = erase_rankings(connection, naming)
    found.update(erase_events(connection, naming))
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


def is_erased(record: DecisionRecord, pseudonyms: set[str]) -> bool:
    """Whether the record is what an erasure left, so that it cannot be decided again."""
    return not record.features and record.request.customer_id in pseudonyms
