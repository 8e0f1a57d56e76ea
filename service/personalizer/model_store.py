"""The model of each loop: kept in the log's database as sums over rounds, read by every worker when it is newer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select

from models.artifact import Artifact
from models.ranking import Ranking
from service.store.engine import insert_into
from service.store.tables import rank_models


@dataclass(frozen=True)
class RankModel:
    """Everything that a loop has learnt; number 0 is nothing."""

    number: int
    ranking: Ranking


def read_model(connection: Connection, loop: str) -> RankModel:
    """The loop's newest model."""
    row = connection.execute(select(rank_models).where(rank_models.c.loop == loop)).one_or_none()
    if row is None:
        return RankModel(0, Ranking())
    return RankModel(row.model, Ranking.from_artifact(Artifact.from_bytes(row.content)))


class RivalLearnerError(RuntimeError):
    """Another process published a model of the loop first; what was learnt for this one must not be committed."""


def put_model(engine: Engine, connection: Connection, loop: str, model: RankModel) -> None:
    """Make this the loop's newest model, in place of the one before it. Raises `RivalLearnerError` for any other."""
    row = {"loop": loop, "model": model.number, "content": model.ranking.to_artifact().to_bytes()}
    new = insert_into(engine, rank_models).values(row)
    put = new.on_conflict_do_update(
        index_elements=[rank_models.c.loop],
        set_={"model": new.excluded.model, "content": new.excluded.content},
        where=rank_models.c.model == model.number - 1,
    )
    if connection.scalar(put.returning(rank_models.c.model)) is None:
        raise RivalLearnerError(f"loop {loop} has another model than {model.number - 1} by now")


@dataclass
class RankModels:
    """The loops' policies in this worker, looked at again after a while."""

    engine: Engine
    exploration: float
    poll: timedelta
    clock: Callable[[], datetime]
    _known: dict[str, tuple[datetime, int, Ranking]] = field(default_factory=dict)

    def current(self, loop: str) -> tuple[int, Ranking]:
        """The number and the policy of the loop's model, at most `poll` old."""
        now = self.clock()
        known = self._known.get(loop)
        if known is None or now - known[0] >= self.poll:
            with self.engine.connect() as connection:
                model = read_model(connection, loop)
            known = self._known[loop] = now, model.number, model.ranking.exploring(self.exploration)
        return known[1], known[2]
