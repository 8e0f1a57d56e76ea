"""Committing decisions together: their claims, their keys and their rows in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from service.record import DecisionRecord
from service.standing import Claims
from service.store.driver import Insert, insert_all
from service.store.engine import microseconds
from service.store.key_log import KeyClaim, KeyTakenError, give_back_keys, without_taken
from service.store.ledger import (
    BudgetShortError,
    StandingMovedError,
    claim_rows,
    forgotten_since,
    spend_all,
    take_all_but_budgets,
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
    """Of each entry, what kept it out (`KeyTakenError`, `StandingMovedError`); the others are on disk together."""
    try:
        with engine.begin() as connection:
            return _commit(engine, connection, entries, budgets_last=True)
    except BudgetShortError:
        with engine.begin() as connection:
            return commit_within(engine, connection, entries)


def commit_within(engine: Engine, connection: Connection, entries: Sequence[Entry]) -> list[Exception | None]:
    """The same, on disk once the connection's transaction is."""
    return _commit(engine, connection, entries, budgets_last=False)


def _commit(
    engine: Engine, connection: Connection, entries: Sequence[Entry], *, budgets_last: bool
) -> list[Exception | None]:
    """`budgets_last`: no budget is locked until all else is written, but none of them may be short (`BudgetShortError`)."""
    free = without_taken(connection, [entry.key for entry in entries])
    failures: list[Exception | None] = [None if each else KeyTakenError() for each in free]
    wanted = {
        entry.decision_id: entry.claims
        for entry, failure in zip(entries, failures, strict=True)
        if failure is None and entry.claims is not None
    }
    taken = set((take_all_but_budgets if budgets_last else take_claims)(engine, connection, wanted))
    lost = (wanted.keys() - taken) | _of_forgotten(connection, entries, failures)
    for place, entry in enumerate(entries):
        if entry.decision_id in lost:
            failures[place] = StandingMovedError()
    give_back_keys(connection, [each.key for each in entries if each.decision_id in lost and each.key])
    rows = [entry.row for entry, failure in zip(entries, failures, strict=True) if failure is None]
    claimed = {identity: claims for identity, claims in wanted.items() if identity in taken}
    insert_all(connection, {**claim_rows(claimed), DECISION: rows})
    if budgets_last:
        spend_all(connection, claimed)
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
