"""Committing decisions together: their claims, their keys and their rows in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from service.record import DecisionRecord
from service.standing import Claims
from service.store.driver import Insert, Part, do_at_once, insert_all
from service.store.engine import microseconds
from service.store.key_log import KeyClaim, KeyTakenError, give_back_keys, key_parts, without_taken
from service.store.ledger import (
    StandingMovedError,
    claim_parts,
    claim_rows,
    forgotten_since,
    known_parts,
    take_claims,
)
from service.store.tables import decisions

DECISION: Final = Insert(decisions, tuple(decisions.columns.keys()))


@dataclass(frozen=True)
class Entry:
    """A decision to commit, with what it claims and the idempotency key that it answers.

    relies: it claims nothing, but was made from a standing that there was.
    """

    row: dict[str, Any]
    claims: Claims | None
    key: dict[str, Any] | None
    relies: bool

    @classmethod
    def of(cls, record: DecisionRecord, claim: KeyClaim | None = None) -> Entry:
        """The entry of a record, and of a caller's key for it."""
        key = claim.row(decision_id=record.decision_id) if claim else None
        return cls(
            decision_row(record), record.claims, key, record.claims is None and record.standing.version > 0
        )

    @property
    def decision_id(self) -> str:
        """The decision's id."""
        return str(self.row["decision_id"])


def commit(engine: Engine, entries: Sequence[Entry]) -> list[Exception | None]:
    """Of each entry, what kept it out (`KeyTakenError`, `StandingMovedError`); the others are on disk together.

    On PostgreSQL all by one statement, as long as nothing keeps any of them out: asked one thing after another, half of a
    commit's time is waiting for answers, with customers and budgets locked meanwhile.
    """
    if engine.dialect.name == "postgresql":
        parts = _parts(entries)
        if parts is not None:
            with engine.connect() as connection:
                if do_at_once(connection, parts):
                    return [None] * len(entries)
    with engine.begin() as connection:
        return commit_within(engine, connection, entries)


def _parts(entries: Sequence[Entry]) -> list[Part] | None:
    """What committing all of them changes; None where they have to be looked at one by one."""
    claimed = {entry.decision_id: entry.claims for entry in entries if entry.claims is not None}
    keys, taken = key_parts([entry.key for entry in entries if entry.key]), claim_parts(claimed)
    if keys is None or taken is None:
        return None
    relying = {entry.row["customer_id"] for entry in entries if entry.relies}
    return [*keys, *known_parts(relying), *taken, Part(DECISION, [entry.row for entry in entries])]


def commit_within(engine: Engine, connection: Connection, entries: Sequence[Entry]) -> list[Exception | None]:
    """The same, step by step, on disk once the connection's transaction is."""
    free = without_taken(connection, [entry.key for entry in entries])
    failures: list[Exception | None] = [None if each else KeyTakenError() for each in free]
    wanted = {
        entry.decision_id: entry.claims
        for entry, failure in zip(entries, failures, strict=True)
        if failure is None and entry.claims is not None
    }
    taken = take_claims(engine, connection, wanted)
    lost = (wanted.keys() - taken) | _of_forgotten(connection, entries, failures)
    for place, entry in enumerate(entries):
        if entry.decision_id in lost:
            failures[place] = StandingMovedError()
    give_back_keys(connection, [each.key for each in entries if each.decision_id in lost and each.key])
    rows = [entry.row for entry, failure in zip(entries, failures, strict=True) if failure is None]
    claimed = {identity: claims for identity, claims in wanted.items() if identity in taken}
    insert_all(connection, {**claim_rows(claimed), DECISION: rows})
    return failures


def _of_forgotten(
    connection: Connection, entries: Sequence[Entry], failures: Sequence[Exception | None]
) -> set[str]:
    """The decisions that claim nothing but were made from the standing of a customer who was forgotten since."""
    relying = {
        entry.decision_id: entry.row["customer_id"]
        for entry, failure in zip(entries, failures, strict=True)
        if failure is None and entry.relies
    }
    gone = forgotten_since(connection, set(relying.values()))
    return {identity for identity, customer_id in relying.items() if customer_id in gone}


def decision_row(record: DecisionRecord) -> dict[str, Any]:
    """The record as a row of the `decisions` table."""
    return {
        "decision_id": record.decision_id,
        "decided_at": microseconds(record.decided_at),
        "effective_at": microseconds(record.effective_at),
        "customer_id": record.request.customer_id,
        "journey": record.request.journey,
        "status": record.status,
        "group_name": record.group,
        "repeats": record.repeats,
        "record": record.stored(),
    }
