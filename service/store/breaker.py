"""A PostgreSQL that does not answer is given up after seconds, once, and not by each request anew."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import psycopg
import structlog
from prometheus_client import Gauge
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, ExceptionContext, event, select
from sqlalchemy.exc import SQLAlchemyError

_logger = structlog.get_logger()
PATIENCE_SECONDS: Final = 5.0
"""How long a call may take; the ordinary ones of a worker take milliseconds, a commit of a thousand decisions a second."""


class LogAwayError(SQLAlchemyError):
    """The log's database did not answer when it was last asked."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which nothing waits longer than `patience_seconds`: a server may be cut off, or only stand still."""

    patience_seconds: float

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """What the server answers. Raises `psycopg.OperationalError`, and closes the connection, when it takes too long."""
        try:
            return super().wait(gen, interval, self.patience_seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if not self.closed and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer within {self.patience_seconds} s") from error
            raise


def guard_log(engine: Engine, *, up: Gauge) -> None:
    """Put a breaker on the engine of a PostgreSQL log; a SQLite file has nobody to wait for but its own writers."""
    if engine.dialect.name == "postgresql":
        Breaker(engine, up=up)
    else:
        up.set(1)


class Breaker:
    """A circuit breaker on a worker's engine: open from the first call without an answer until a thread beside got one.

    While it is open every use of the engine is a `LogAwayError` at once: no request waits for what others waited for.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        up: Gauge,
        patience_seconds: float = PATIENCE_SECONDS,
        retry_seconds: float = 0.5,
    ) -> None:
        self._engine = engine
        self._up = up
        self._patience_seconds = patience_seconds
        self._retry_seconds = retry_seconds
        self._change = threading.Lock()
        self._asker: threading.Thread | None = None
        engine.dispose()  # what was connected before has no bound
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "checkout", self._check_out)
        event.listen(engine, "handle_error", self._hear)
        up.set(1)

    def _connect(self, _dialect: Any, _record: Any, arguments: Any, named: Any) -> BoundedConnection:
        self._refuse()
        connection = BoundedConnection.connect(*arguments, **named)
        connection.patience_seconds = self._patience_seconds
        return connection

    def _check_out(self, _connection: Any, _record: Any, _proxy: Any) -> None:
        self._refuse()

    def _refuse(self) -> None:
        if self._asker is not None and threading.current_thread() is not self._asker:
            raise LogAwayError("the log's database does not answer")

    def _hear(self, context: ExceptionContext) -> None:
        if context.is_disconnect or context.connection is None:
            self._open(context.original_exception)

    def _open(self, error: BaseException) -> None:
        with self._change:
            if self._asker is not None:
                return
            self._asker = threading.Thread(target=self._ask, name="log-breaker", daemon=True)
            self._asker.start()
        self._up.set(0)
        _logger.error("the log is away, refusing until it answers", reason=type(error).__name__)

    def _ask(self) -> None:
        """Ask again and again until the server answers, then let everybody."""
        while True:
            time.sleep(self._retry_seconds)
            try:
                with self._engine.connect() as connection:
                    connection.execute(select(1))
            except SQLAlchemyError:
                continue
            break
        self._up.set(1)
        _logger.info("the log answers again")
        self._asker = None
