"""Idempotency keys on disk: claimed in the transaction of what they stand for, so a key never has two results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, delete, select

from service.store.driver import Insert, Part, insert
from service.store.engine import microseconds
from service.store.tables import idempotency_keys as keys

_PART = 500
_CLAIM: Final = Insert(
    keys,
    tuple(keys.columns.keys()),
    "ON CONFLICT (scope, key) DO UPDATE SET "
    + ", ".join(
        [f"{column.name} = excluded.{column.name}" for column in keys.columns if not column.primary_key]
    )
    + " WHERE idempotency_keys.expires_at <= excluded.claimed_at RETURNING scope, key",
)
_RESULT = select(keys).where(
    keys.c.scope == bindparam("scope"),
    keys.c.key == bindparam("key"),
    keys.c.expires_at > bindparam("now"),
)
"""Asked for every request with a key, so built once."""


@dataclass(frozen=True, kw_only=True)
class KeyClaim:
    """A caller's key for one request, known by its fingerprint; kept for so long after the claim.

    found_free: it stood for nothing when the batch that it came in was read.
    """

    scope: str
    key: str
    fingerprint: str
    claimed_at: datetime
    kept: timedelta
    found_free: bool = False

    @property
    def name(self) -> tuple[str, str]:
        """The key within its scope."""
        return self.scope, self.key

    def row(self, **result: Any) -> dict[str, Any]:
        """The row of the key and of its result."""
        return {
            "scope": self.scope,
            "key": self.key,
            "fingerprint": self.fingerprint,
            "claimed_at": microseconds(self.claimed_at),
            "expires_at": microseconds(self.claimed_at + self.kept),
            "decision_id": None,
            "content": None,
            **result,
        }


@dataclass(frozen=True)
class KeptResult:
    """What a key stands for: a logged decision, or an answer kept beside the key."""

    fingerprint: str
    decision_id: str | None
    content: bytes | None


class KeyTakenError(Exception):
    """Somebody else committed a result under this key first; nothing of one's own was committed."""


def claim_keys(connection: Connection, rows: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """The keys that were free or expired and now stand for these rows' results; the others are taken.

    Rows go in by key, so that two processes that claim the same keys wait for each other in one order.
    """
    ordered = sorted(rows, key=_name)
    if not ordered:
        return set()
    return {(scope, key) for scope, key in insert(connection, _CLAIM, ordered)}


def key_parts(rows: Sequence[dict[str, Any]]) -> list[Part] | None:
    """The same as parts of one statement, each of them to be free; None where two of them are the same."""
    ordered = sorted(rows, key=_name)
    if len(set(map(_name, ordered))) < len(ordered):
        return None
    return [Part(_CLAIM, ordered, wanted=len(ordered))] if ordered else []


def _name(row: dict[str, Any]) -> tuple[str, str]:
    return row["scope"], row["key"]


def find_result(engine: Engine, claim: KeyClaim) -> KeptResult | None:
    """What the claim's key stands for already, whoever claimed it; None while it is free or once it expired."""
    asked = {"scope": claim.scope, "key": claim.key, "now": microseconds(claim.claimed_at)}
    with engine.connect() as connection:
        row = connection.execute(_RESULT, asked).mappings().one_or_none()
    return None if row is None else KeptResult(row["fingerprint"], row["decision_id"], row["content"])


def known_keys(engine: Engine, scope: str, names: Collection[str]) -> set[str]:
    """Those of the keys that stand for something, or did until they expired."""
    found: set[str] = set()
    ordered = sorted(names)
    with engine.connect() as connection:
        for start in range(0, len(ordered), _PART):
            part = keys.c.key.in_(ordered[start : start + _PART])
            found |= set(connection.scalars(select(keys.c.key).where(keys.c.scope == scope, part)))
    return found


def keep_result(engine: Engine, claim: KeyClaim, content: bytes) -> bool:
    """Whether this answer now stands for the key; False when another one does already."""
    with engine.begin() as connection:
        return claim.name in claim_keys(connection, [claim.row(content=content)])


def forget_expired_keys(engine: Engine, now: datetime) -> int:
    """How many keys were deleted because their time was over."""
    with engine.begin() as connection:
        return connection.execute(delete(keys).where(keys.c.expires_at <= microseconds(now))).rowcount


def without_taken(connection: Connection, rows: Sequence[dict[str, Any] | None]) -> list[bool]:
    """Of each row of a commit, whether it may go on: its key was claimed just now, or it has none.

    Of several with one key, as when a caller gave up and asked again, only the first may.
    """
    first = {_name(row): place for place, row in reversed(list(enumerate(rows))) if row}
    claimed = claim_keys(connection, [row for place in first.values() if (row := rows[place])])
    going_on = {place for name, place in first.items() if name in claimed}
    return [row is None or place in going_on for place, row in enumerate(rows)]


def give_back_keys(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Free the keys that were claimed in this transaction for what will not be committed with it."""
    for row in rows:
        connection.execute(delete(keys).where(keys.c.scope == row["scope"], keys.c.key == row["key"]))
