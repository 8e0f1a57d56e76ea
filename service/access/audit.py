"""The audit log: who did what to keys, log, customers' data and decisions, and who came in. Entries never change."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

from sqlalchemy import Connection, Engine, insert, select

from service.store.engine import microseconds, moment
from service.store.tables import audit_log


class Act(StrEnum):
    """What is on record."""

    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    COUPON_KEY_ADDED = "coupon_key.added"
    COUPON_KEY_REVOKED = "coupon_key.revoked"
    CUSTOMER_ERASED = "customer.erased"
    CUSTOMER_EXPORTED = "customer.exported"
    EVENTS_IMPORTED = "events.imported"
    EVENTS_RETAKEN = "events.retaken"
    LOG_EXPORTED = "log.exported"
    LOG_MIGRATED = "log.migrated"
    LOG_RETAINED = "log.retained"
    DECISION_FORCED = "decision.forced"
    SEGMENT_DECIDED = "segment.decided"
    LOGGED_IN = "console.logged_in"
    LOGIN_REFUSED = "console.login_refused"
    LOGGED_OUT = "console.logged_out"


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One act: `actor` did it to `subject`. Neither subject nor detail may hold customer data: see `customer_subject`."""

    at: datetime
    actor: str
    act: str
    subject: str
    detail: Mapping[str, str | int] = field(default_factory=dict)


def record_act(connection: Connection, entry: AuditEntry) -> None:
    """Add an entry, in the transaction of the act itself, so that neither is there without the other."""
    row = {
        "at": microseconds(entry.at),
        "actor": entry.actor.replace("\0", "")[:256],
        "act": str(entry.act),
        "subject": entry.subject,
        "detail": json.dumps(dict(entry.detail), sort_keys=True),
    }
    connection.execute(insert(audit_log).values(row))


def begin_act(engine: Engine, entry: AuditEntry) -> None:
    """Put on record that an act of several transactions begins, so that one that is cut off is there too."""
    _record_outcome(engine, entry, "begun")


def end_act(engine: Engine, entry: AuditEntry, error: BaseException | None = None) -> None:
    """Put on record how it ended: done, or with which kind of error, whose words may tell of customers."""
    _record_outcome(engine, entry, "done" if error is None else f"failed: {type(error).__name__}")


@contextmanager
def on_record(engine: Engine, entry: AuditEntry) -> Iterator[dict[str, str | int]]:
    """Begin and end an act; what the block adds to the detail is on record with its end."""
    begin_act(engine, entry)
    detail = dict(entry.detail)
    try:
        yield detail
    except BaseException as error:
        end_act(engine, replace(entry, detail=detail), error)
        raise
    end_act(engine, replace(entry, detail=detail))


def _record_outcome(engine: Engine, entry: AuditEntry, outcome: str) -> None:
    with engine.begin() as connection:
        record_act(connection, replace(entry, detail={**entry.detail, "outcome": outcome}))


def read_acts(connection: Connection, *, limit: int, subject: str = "") -> list[AuditEntry]:
    """The last entries, the newest first, all or those of one subject."""
    query = select(audit_log).order_by(audit_log.c.entry.desc()).limit(limit)
    if subject:
        query = query.where(audit_log.c.subject == subject)
    return [
        AuditEntry(
            at=moment(row.at),
            actor=row.actor,
            act=_act(row.act),
            subject=row.subject,
            detail=json.loads(row.detail),
        )
        for row in connection.execute(query)
    ]


def _act(text: str) -> str:
    """One of ours, or what a newer version has recorded."""
    return Act(text) if text in {act.value for act in Act} else text


def operator() -> str:
    """Who runs a command: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a numbered user without a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def customer_subject(customer_id: str, secret: bytes) -> str:
    """A customer as the audit log names one: who has the secret can look an id up, nobody can read one off.

    An entry outlives the customer's erasure, so it must not hold the id.
    """
    return f"customer:{blake2b(customer_id.encode(), key=secret[:64], person=b'gardoon audit', digest_size=16).hexdigest()}"
