"""Transactions that lock rows in bulk: done again where another one came across them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

_Result = TypeVar("_Result")
_ATTEMPTS: Final = 4


def unless_deadlocked(engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
    """What `work` returns, done in a transaction of its own; again where others who lock rows in bulk came across it.

    Raises: `OperationalError` when they did `_ATTEMPTS` times, and for everything else that a database fails with.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except OperationalError as error:
            if not isinstance(error.orig, DeadlockDetected):
                raise
    with engine.begin() as connection:
        return work(connection)
