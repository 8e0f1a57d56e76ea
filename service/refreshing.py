"""The refresher's process: online features as new as the log, round after round, a pause only where there is nothing to do.

Any number may run; one of them refreshes, the others wait until its lock is free.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import start_http_server
from sqlalchemy import Engine

from features.base import load_base
from features.filled import FILE, NOBODY, Filled, read_filled
from features.live_zone import ZoneTable
from features.online import OnlineStoreError, read_settings
from features.online_row import SqliteRowWriter
from features.recompute import ViewComputer
from features.schema import load_schema
from service.long_lived import say_alive
from service.observability import RefresherMetrics, configure_logging
from service.refresher import Refresher, RowWriter, Source
from service.settings import Settings
from service.store.engine import open_log
from service.store.leadership import refresher_lock
from service.store.stale_features import Cause, note_all_told, read_backlog

STANDBY_SECONDS: Final = 1.0
"""How often one that waits looks whether the lock is free, and one that failed tries again."""
LOOK_SECONDS: Final = 1.0
"""How often it looks whether the store was filled anew, and at its backlog."""
QUIET_SECONDS: Final = 0.2
"""How long no event came when it takes up what can wait: an event would wait for that round."""
LATE_SECONDS: Final = 5.0
"""How often it takes some of that up whatever comes."""
_SEEN: Final = "refreshed.json"
_logger = structlog.get_logger()


def refresh_until(stop: threading.Event, settings: Settings) -> None:
    """Refresh features until `stop` is set, while no other process does.

    A database or a store that is away is waited for; the notes of what is out of date stay until it is back.
    """
    configure_logging()
    engine, metrics = open_log(settings.log_url), RefresherMetrics()
    if settings.refresher_metrics_port:
        start_http_server(settings.refresher_metrics_port, registry=metrics.registry)
    lock = refresher_lock(engine)
    while not stop.is_set():
        try:
            if lock.holds():
                with opened_refresher(engine, settings) as refresher:
                    metrics.leads.set(1)
                    _logger.info("refreshing", pid=os.getpid())
                    _Turns(refresher, settings, metrics, stop).take(lock.holds)
        except Exception as error:  # a refresher that ends refreshes nothing more
            metrics.failed.inc()
            _logger.error("round failed, trying again", exc_info=error)
        say_alive(settings.alive_file)
        metrics.leads.set(0)
        stop.wait(STANDBY_SECONDS)
    lock.release()
    engine.dispose()


@contextmanager
def opened_refresher(engine: Engine, settings: Settings) -> Iterator[Refresher]:
    """A refresher of the online store as it is filled now, everything that it needs loaded.

    Whoever something was told of is noted as out of date, once a filling: a new one does not have the latest events.
    """
    folder = settings.online_path.parent
    said, filled = _read_note(folder), read_filled(folder)
    with ExitStack() as stack:
        writer = stack.enter_context(closing(open_writer(settings)))
        zones = ZoneTable(settings.time_zone)
        if filled is not None:
            zones = ZoneTable(settings.time_zone, base_ends_at=filled.ends_at, shift=filled.shift)
        computer = stack.enter_context(ViewComputer(schema=load_schema(), zones=zones))
        source = _source(filled, settings.var)
        _note_new_filling(engine, folder / _SEEN, said, source.received_from)
        yield Refresher(
            engine=engine, computer=computer, writer=writer, source=source, currency=settings.currency
        )


def open_writer(settings: Settings) -> RowWriter:
    """What writes rows into the online store: Feast's SQLite file or Redis.

    Raises `OnlineStoreError` when there is no store yet, or one that rows cannot be written into directly.
    """
    if settings.feature_store_yaml is None:
        return SqliteRowWriter(database=settings.online_path)
    from features.online_row_redis import RedisRowWriter
    from features.redis_settings import redis_settings

    return RedisRowWriter(settings=redis_settings(read_settings(settings.feature_store_yaml)))


def _source(filled: Filled | None, var: Path) -> Source:
    if filled is None:
        return Source(base=load_base(None, timedelta()), population=NOBODY, received_from=None)
    folder = var / "data" / filled.dataset if filled.dataset else None
    if folder is not None and not folder.is_dir():
        raise OnlineStoreError(f"the online store was filled from {folder}, which is not there")
    return Source(
        base=load_base(folder, filled.shift),
        population=filled.population,
        received_from=filled.received_until,
    )


def _read_note(folder: Path) -> bytes:
    """What filling the store wrote down, as it stands there."""
    note = folder / FILE
    return note.read_bytes() if note.is_file() else b"{}"


def _note_new_filling(engine: Engine, seen: Path, said: bytes, received_from: datetime | None) -> None:
    """Note all of whom the filling may lack something, unless that was done; the mark is made after the commit."""
    if seen.is_file() and seen.read_bytes() == said:
        return
    with engine.begin() as connection:
        noted = note_all_told(connection, received_from, datetime.now(UTC))
    seen.parent.mkdir(parents=True, exist_ok=True)
    partial = seen.with_name(f"{seen.name}.partial")
    partial.write_bytes(said)
    partial.replace(seen)
    _logger.info("the online store was filled anew", customers_told_of=noted)


@dataclass
class _Turns:
    """Rounds while this process leads and the store is the one that the refresher was opened for."""

    refresher: Refresher
    settings: Settings
    metrics: RefresherMetrics
    stop: threading.Event
    _look_again: float = field(default=0.0, init=False)
    _event_at: float = field(default=0.0, init=False)
    _later_at: float = field(default=0.0, init=False)
    _later_again: float = field(default=0.0, init=False)

    def take(self, still_leads: Callable[[], bool]) -> None:
        """Rounds without a pause, but where there was nothing to do."""
        filled = self._filled()
        while not self.stop.is_set():
            if time.monotonic() >= self._look_again:
                if not still_leads() or self._filled() != filled:
                    return
                self._look()
            if not self._round():
                self.stop.wait(self.settings.refresh_seconds)

    def _round(self) -> bool:
        """Whether anything was done. What can wait does, until no event came for a moment, but not for long."""
        done = self._step(Cause.EVENT)
        now = time.monotonic()
        if done:
            self._event_at = now
        is_quiet = now - self._event_at >= QUIET_SECONDS and now >= self._later_again
        if is_quiet or now - self._later_at >= LATE_SECONDS:
            later = self._step(Cause.WINDOW) or self._step(Cause.BASE)
            self._later_at = time.monotonic()
            self._later_again = self._later_at + (0.0 if later else LOOK_SECONDS)
            done = done or later
        return done

    def _step(self, cause: Cause) -> bool:
        began = time.perf_counter()
        done = self.refresher.step(cause, datetime.now(UTC))
        if done is None:
            return False
        self.metrics.seconds.observe(time.perf_counter() - began)
        self.metrics.customers.labels(cause.value).inc(done.customers)
        self.metrics.rows.inc(done.rows)
        return True

    def _look(self) -> None:
        self._look_again = time.monotonic() + LOOK_SECONDS
        say_alive(self.settings.alive_file)
        with self.refresher.engine.connect() as connection:
            backlog = read_backlog(connection)
        self.metrics.backlog.set(backlog.length)
        waits = datetime.now(UTC) - backlog.oldest_at if backlog.oldest_at else timedelta()
        self.metrics.backlog_seconds.set(max(waits.total_seconds(), 0.0))

    def _filled(self) -> Filled | None:
        return read_filled(self.settings.online_path.parent)
