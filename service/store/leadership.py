"""Which of several learners learns, and which refresher refreshes: who holds a lock of the log. It is free when they end.

The lock saves work. What keeps outcomes from being learnt twice is the snapshot's number, a primary key: of two learners
that step at the same time one cannot commit. Features may be computed twice.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Protocol

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from service.store.engine import PATIENCE

_LOCKS = {"learner": 7_305_418, "refresher": 7_305_419}
_NOTICE_A_LOST_MACHINE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
"""Seconds. A process that is killed closes its connection; a machine that is cut off does not, and the server has to ask."""


class Lock(Protocol):
    """Held by at most one process at a time, and by none that has ended, however it ended."""

    def holds(self) -> bool:
        """Whether this process holds the lock now, having taken it if it was free."""

    def release(self) -> None:
        """Let another process have it."""


def learner_lock(engine: Engine) -> Lock:
    """The lock of the log's learner."""
    return _lock_of(engine, "learner")


def refresher_lock(engine: Engine) -> Lock:
    """The lock of who keeps the online features of the log's customers."""
    return _lock_of(engine, "refresher")


def _lock_of(engine: Engine, role: str) -> Lock:
    """PostgreSQL's own, or beside a SQLite file one of the kernel's."""
    if engine.dialect.name == "postgresql":
        return AdvisoryLock(engine, _LOCKS[role])
    database = Path(str(engine.url.database))
    return FileLock(database.with_name(f"{database.name}.{role}.lock"))


class AdvisoryLock:
    """A lock of a PostgreSQL session on a connection of its own: the server frees it when the connection is gone."""

    def __init__(self, engine: Engine, number: int) -> None:
        # no pool: back in one, a session, and with it the lock, would outlive its use
        self._engine = create_engine(
            engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=PATIENCE
        )
        self._number = number
        self._connection: Connection | None = None

    def holds(self) -> bool:
        """Whether the lock is held. Raises `SQLAlchemyError` when the database does not answer; then it is no longer."""
        if self._connection is None:
            return self._take()
        try:
            self._connection.execute(select(1))
        except SQLAlchemyError:
            self.release()
            raise
        return True

    def _take(self) -> bool:
        connection = self._engine.connect()
        taken = False
        try:
            for setting, value in _NOTICE_A_LOST_MACHINE.items():
                connection.execute(select(func.set_config(setting, value, False)))
            taken = bool(connection.scalar(select(func.pg_try_advisory_lock(self._number))))
        finally:
            if not taken:
                connection.close()
        self._connection = connection if taken else None
        return taken

    def release(self) -> None:
        """Close the session."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class FileLock:
    """A lock on a file: the kernel frees it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def holds(self) -> bool:
        """Whether the lock is held."""
        if self._file is not None:
            return True
        file = self._path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
