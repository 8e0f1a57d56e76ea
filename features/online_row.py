"""Single rows into Feast's SQLite online store, in Feast's own format: what events changed of some customers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from features.bulk import upsert_statement
from features.online import PROJECT, OnlineStoreError, online_table
from features.online_erasure import erase_from_sqlite
from features.schema import View
from features.wire import FeatureValue, encode_values, entity_key


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One customer's row of one view, as of `event_at`."""

    customer_id: str
    view: View
    values: Mapping[str, FeatureValue]
    event_at: datetime


class RowError(ValueError):
    """A row does not hold exactly the features that its view declares."""


def encode_row(view: View, values: Mapping[str, FeatureValue]) -> list[bytes]:
    """The stored bytes of a row's values in declared order. Raises `RowError` naming what is missing or unknown."""
    if values.keys() != view.feature_names:
        missing, unknown = (
            sorted(view.feature_names - values.keys()),
            sorted(values.keys() - view.feature_names),
        )
        raise RowError(f"a row of {view.name} lacks {missing} and has unknown {unknown}, wanted its features")
    return [encode_values(feature.type, [values[feature.name]])[0] for feature in view.features]


class SqliteRowWriter:
    """Writes rows by one transaction a call, which readers see whole. Any thread may write; one does at a time."""

    def __init__(self, *, database: Path, project: str = PROJECT, busy_seconds: float = 5.0) -> None:
        """Raises `OnlineStoreError` when there is no such file. A writer elsewhere is waited for `busy_seconds`."""
        if not database.is_file():
            raise OnlineStoreError(f"{database} is not an online store; fill it first")
        self._database = database
        self._project = project
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            database, isolation_level=None, check_same_thread=False, timeout=busy_seconds
        )

    def write(
        self, customer_id: str, view: View, values: Mapping[str, FeatureValue], event_at: datetime
    ) -> bool:
        """Whether the row is stored: not when one is there with a later event time, to the second.

        Raises `RowError` for other features than the view's, `OnlineStoreError` when the file cannot be written.
        """
        return self.write_many([ViewRow(customer_id, view, values, event_at)]) == 1

    def write_many(self, rows: Sequence[ViewRow]) -> int:
        """How many of the rows are stored; all at once. Raises as `write` does, and then none is."""
        ready = [(online_table(row.view.name, self._project), _stored_values(row)) for row in rows]
        stored = 0
        try:
            with self._lock, self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                for table, values in ready:
                    changed = connection.executemany(upsert_statement(table), values).rowcount
                    stored += changed == len(values)
        except sqlite3.Error as error:
            raise OnlineStoreError(f"{self._database} cannot be written: {error}") from error
        return stored

    def erase(self, customer_id: str) -> None:
        """Let go of every row of the customer. Raises `OnlineStoreError`."""
        erase_from_sqlite(self._database, customer_id)

    def close(self) -> None:
        """Closes the file; nothing can be written afterwards."""
        self._connection.close()


def _stored_values(row: ViewRow) -> list[tuple[bytes, str, bytes, int, int]]:
    key, at_s = entity_key(row.customer_id), int(row.event_at.timestamp())
    values = zip(row.view.features, encode_row(row.view, row.values), strict=True)
    return [(key, feature.name, value, at_s, at_s) for feature, value in values]
