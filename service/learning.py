"""The learner's process: champions and challengers from the registry, the fold, the shadow, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy import Engine

from features.schema import Schema, load_schema
from models.catalogue import load_policy
from service.decision_point import DecisionPoint, load_decision_points
from service.learner import Learner
from service.model_set import POLICY_NAMES
from service.observability import configure_logging
from service.registry import (
    ChampionRegistry,
    RegistryUnavailableError,
    check_champion,
    check_rewards,
    sync_champions,
)
from service.settings import Settings
from service.shadow import Shadow
from service.store.artifact_store import get_artifact, read_champions
from service.store.engine import open_log

_logger = structlog.get_logger()


def learn_until(stop: threading.Event, settings: Settings) -> None:
    """Sync champions and learn until `stop` is set.

    A database that is away for a while is waited for; while the registry is away, learning goes on with the champions known.
    """
    configure_logging()
    schema = load_schema()
    engine = open_log(settings.log_url)
    points = load_decision_points(settings.decision_points)
    check_known_policies(engine, points)
    learner = Learner(engine, points)
    shadow = Shadow(engine=engine, schema=schema, check=partial(check_champion, schema=schema, points=points))
    registry = ChampionRegistry(tracking_uri=settings.registry_uri)
    look_again = 0.0
    while not stop.is_set():
        try:
            if time.monotonic() >= look_again:
                _sync(engine, registry, schema, points)
                _follow(shadow, registry)
                look_again = time.monotonic() + settings.registry_seconds
            learner.step(datetime.now(UTC))
            shadow.step(datetime.now(UTC))
        except Exception as error:  # a learner that ends learns nothing more
            _logger.error("step failed, trying again", exc_info=error)
        stop.wait(settings.learn_seconds)
    engine.dispose()


def check_known_policies(engine: Engine, points: Mapping[str, DecisionPoint]) -> None:
    """Raises `ValueError` when the rules now declare rewards that a policy which decides already cannot learn."""
    with engine.connect() as connection:
        champions = read_champions(connection)
    for name in POLICY_NAMES.values():
        if name in champions:
            check_rewards(name, load_policy(get_artifact(engine, champions[name][0])), points)


def _sync(
    engine: Engine, registry: ChampionRegistry, schema: Schema, points: Mapping[str, DecisionPoint]
) -> None:
    try:
        sync_champions(engine, registry, schema, points, datetime.now(UTC))
    except RegistryUnavailableError as error:
        _logger.error("learner keeps its champions", reason=str(error))


def _follow(shadow: Shadow, registry: ChampionRegistry) -> None:
    try:
        shadow.follow(registry)
    except RegistryUnavailableError as error:
        _logger.error("shadow keeps its challengers", reason=str(error))
