"""The learner's process folds closed rankings and forgets old idempotency keys, whatever else it has to do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from service.learning import learn_until
from service.personalizer.event_log import RankEvent, log_event
from service.personalizer.model_store import RankModel, RivalLearnerError, put_model, read_model
from service.settings import Settings
from service.store.engine import open_log
from service.store.key_log import KeyClaim, keep_result
from service.store.tables import idempotency_keys, rank_models
from tests.running import wait_for


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_learners_process_learns_rankings_and_forgets_old_keys(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path)
    engine = open_log(settings.log_url)
    past = datetime.now(UTC) - timedelta(days=2)
    claim = KeyClaim(scope="s", key="k", fingerprint="f", claimed_at=past, kept=timedelta(hours=24))
    keep_result(engine, claim, b"")
    event = RankEvent(
        loop="default",
        event_id="e1",
        ranked_at=past,
        is_deferred=False,
        fingerprint="f",
        request={"contextFeatures": None, "actions": [{"id": "a", "features": [{"tone": "warm"}]}]},
        probabilities=[1.0],
        action=0,
        model=0,
        answer=b"",
    )
    log_event(engine, event)

    def done() -> bool:
        with engine.connect() as connection:
            models = connection.scalar(select(rank_models.c.model).where(rank_models.c.loop == "default"))
            keys = connection.scalar(select(func.count()).select_from(idempotency_keys))
        return models == 1 and keys == 0

    stop = threading.Event()
    learner = threading.Thread(target=learn_until, args=(stop, settings))
    learner.start()
    try:
        wait_for(done, seconds=60, what="the model and the keys' end")
    finally:
        stop.set()
        learner.join(timeout=30)
        engine.dispose()
    assert not learner.is_alive()


def test_of_two_learners_that_read_the_same_model_one_publishes(engine: Engine) -> None:
    with engine.begin() as connection:
        both_read = read_model(connection, "default")
        put_model(engine, connection, "default", RankModel(both_read.number + 1, both_read.ranking))

    with pytest.raises(RivalLearnerError, match="another model than 0"), engine.begin() as connection:
        put_model(engine, connection, "default", RankModel(both_read.number + 1, both_read.ranking))

    with engine.connect() as connection:
        assert read_model(connection, "default").number == 1
