"""Reading the standings that several decisions wait for at once."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Histogram
from sqlalchemy import Engine

from service.standing import Standing
from service.store.standing_rows import StandingQuery, read_standings
from service.store.together import Together


class StandingReads(Together[StandingQuery, Standing]):
    """Reads together what was asked while the last reading ran."""

    name = "standings"
    most = 256

    def __init__(self, engine: Engine, *, seconds: Histogram) -> None:
        # each statement sees what is committed by then, as in a transaction, which would take two more round trips
        super().__init__(engine.execution_options(isolation_level="AUTOCOMMIT"), seconds=seconds)

    async def read(self, query: StandingQuery) -> Standing:
        """Where a customer stands. Raises: `LogUnavailableError`; `UnstorableError` for an id that no database takes."""
        return await self._done(query)

    def _do(self, queries: Sequence[StandingQuery]) -> Sequence[Standing]:
        with self._engine.connect() as connection:
            return read_standings(connection, queries)
