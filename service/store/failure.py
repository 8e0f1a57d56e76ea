"""What a failure of the log's database means for a caller: whether asking again can help."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DataError

from service.errors import LogUnavailableError, ServiceError, UnstorableError

UNSTORABLE: Final = (DataError, OverflowError, UnicodeError)
"""What the drivers raise for a value that the database cannot hold: PostgreSQL's the first, SQLite's the others."""


def failure_of(error: Exception) -> ServiceError:
    """The error as a caller meets it: only where the database is away does it help to ask again."""
    if isinstance(error, UNSTORABLE):
        return UnstorableError(
            "the log cannot hold a value of this request; it should have been refused by name, and was noted as a fault"
        )
    return LogUnavailableError(f"the log does not answer: {type(error).__name__}")
