"""The learner's process folds closed rankings and forgets old idempotency keys, whatever else it has to do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from service.learning import learn_until
from service.personalizer.event_log import RankEvent, log_event
from service.settings import Settings
from service.store.engine import open_log
from service.store.key_log import Claim, keep_result
from service.store.tables import idempotency_keys, rank_models
from tests.running import wait_for


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_learners_process_learns_rankings_and_forgets_old_keys(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path)
    engine = open_log(settings.log_url)
    past = datetime.now(UTC) - timedelta(days=2)
    claim = Claim(scope="s", key="k", fingerprint="f", claimed_at=past, kept=timedelta(hours=24))
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
