"""The log as it stands, read once by plain SQL: what the audit holds against promises and rules."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, text

from models.packing import unpack

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """One logged decision."""

    row: Row
    record: dict[str, Any]
    is_in_effect: bool
    """Not of a deferred one that nobody activated."""

    @property
    def customer(self) -> str:
        """Whose it is: a pseudonym after they were forgotten."""
        return str(self.row["customer_id"])

    @property
    def journey(self) -> str:
        """The journey that asked."""
        return str(self.row["journey"])

    @property
    def goes_out(self) -> bool:
        """Whether something was shown or sent."""
        return self.row["status"] in ("act", "fallback")

    @property
    def is_deferred(self) -> bool:
        """Whether it waits, or waited, to be activated."""
        return bool(self.record["request"]["activate"] == "deferred")

    @property
    def decided_at(self) -> datetime:
        """When it was made."""
        return moment(self.row["decided_at"])

    @property
    def effective_at(self) -> datetime:
        """When its message goes out."""
        return moment(self.row["effective_at"])

    @property
    def is_erased(self) -> bool:
        """Whether its customer was forgotten."""
        return not self.record["features"]

    @cached_property
    def answer(self) -> dict[str, Any]:
        """What was answered."""
        found: dict[str, Any] = json.loads(self.record["answer"])
        return found

    def chosen(self, decision: str) -> str | None:
        """The action chosen for one of its choices."""
        for round_ in self.record["rounds"]:
            if round_["decision"] == decision:
                return str(round_["actions"][round_["action"]])
        return None


@dataclass(frozen=True)
class Books:
    """Decisions by id, outcomes by decision, and the other tables' rows."""

    decisions: dict[str, Decision]
    outcomes: dict[str, list[Row]]
    tables: dict[str, list[Row]]


def read_books(connection: Connection) -> Books:
    """The books as of one moment, for a quiet log."""
    names = (
        *("activations", "budgets", "champions", "coupons", "erasures", "folds"),
        *("idempotency_keys", "outcomes", "rewards", "snapshots"),
    )
    tables = {name: rows(connection, f"SELECT * FROM {name}") for name in names}
    logged = {row["decision_id"]: row for row in rows(connection, "SELECT * FROM decisions")}
    records = {identity: json.loads(unpack(row["record"])) for identity, row in logged.items()}
    activated = {row["decision_id"] for row in tables["activations"]}
    decisions = {
        identity: Decision(row, records[identity], _is_in_effect(identity, records, activated))
        for identity, row in logged.items()
    }
    outcomes: dict[str, list[Row]] = defaultdict(list)
    for row in tables["outcomes"]:
        outcomes[row["decision_id"]].append(row)
    return Books(decisions, outcomes, tables)


def _is_in_effect(identity: str, records: dict[str, dict[str, Any]], activated: set[str]) -> bool:
    """A deferred decision once it is activated; one that repeats a draw with the decision that drew."""
    record = records[identity]
    if record["request"]["activate"] == "now":
        return True
    if record["repeats"] is not None:
        return _is_in_effect(record["repeats"], records, activated)
    return identity in activated


def rows(connection: Connection, query: str, **values: Any) -> list[Row]:
    """The rows of a query."""
    return [row._mapping for row in connection.execute(text(query), values)]


def moment(microseconds: int) -> datetime:
    """The time that a column holds."""
    return _EPOCH + timedelta(microseconds=microseconds)
