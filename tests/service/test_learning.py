"""The learner's process against a registry that is not there."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import func, select

from models.artifact import Artifact
from models.inputs import SCORES
from service.learning import learn_until
from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import snapshots
from tests.running import wait_for
from tests.service.conftest import NOW, publish_champions, starting_policies
from tests.service.real_shop import free_port


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_learning_goes_on_while_the_registry_is_away(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(
        var=tmp_path,
        mlflow_tracking_uri=f"http://127.0.0.1:{free_port()}",
        registry_seconds=0.1,
        learner_metrics_port=port,
        alive_file=tmp_path / "alive",
    )
    engine = open_log(settings.log_url)
    scorers = {name: Artifact({"kind": "scorer", "name": name}) for name in SCORES}
    publish_champions(engine, {**scorers, **starting_policies()}, NOW)
    stop = threading.Event()
    learner = threading.Thread(target=learn_until, args=(stop, settings))

    def published() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(select(func.count()).select_from(snapshots)))

    learner.start()
    try:
        wait_for(published, seconds=60, what="a snapshot")
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            shown = response.read().decode()
        wait_for((tmp_path / "alive").exists, seconds=60, what="the end of a turn")
    finally:
        stop.set()
        learner.join(timeout=30)
        engine.dispose()

    assert not learner.is_alive()
    assert "gardoon_learner_leads 1.0" in shown
    assert "gardoon_model_registry_up 0.0" in shown
