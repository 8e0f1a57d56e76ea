"""The audit log: who did what to the service's keys and to a customer's data, and when. Entries are added, never changed."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

from sqlalchemy import Connection, insert, select

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
    LOG_EXPORTED = "log.exported"


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
        "actor": entry.actor[:256],
        "act": str(entry.act),
        "subject": entry.subject,
        "detail": json.dumps(dict(entry.detail), sort_keys=True),
    }
    connection.execute(insert(audit_log).values(row))


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
