"""Reading the standings that several decisions wait for at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prometheus_client import Histogram
from sqlalchemy import Engine

from service.company import EVERYBODY, Company
from service.store.standing_rows import FoundStanding, StandingQuery, read_standings
from service.store.together import Together


class StandingReads(Together[StandingQuery, FoundStanding]):
    """Reads together what was asked while the last reading ran."""

    name = "standings"
    most = 256

    def __init__(self, engine: Engine, *, seconds: Histogram, company: Company = EVERYBODY) -> None:
        # each statement sees what is committed by then, as in a transaction, which would take two more round trips
        alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        super().__init__(alone, seconds=seconds, company=company)

    def begin(self, query: StandingQuery) -> asyncio.Future[FoundStanding]:
        """What the log has of the query, once it is there.

        Raises, here or when it is awaited: `LogUnavailableError`; `UnstorableError` for an id that no database takes.
        """
        return self._queued(query).done

    def _do(self, queries: Sequence[StandingQuery]) -> Sequence[FoundStanding]:
        with self._engine.connect() as connection:
            return read_standings(connection, queries)
