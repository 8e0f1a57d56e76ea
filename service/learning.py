"""The learner's process: champions and challengers from the registry, the fold, the shadow, again and again.

Any number may run; one of them learns, the others wait, loaded and ready, until its lock is free.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from prometheus_client import start_http_server
from sqlalchemy import Engine

from features.schema import Schema, load_schema
from models.catalogue import load_policy
from service.calibration_watch import CalibrationWatch
from service.decision_point import DecisionPoint
from service.group_watch import GroupWatch
from service.learner import Learner
from service.long_lived import say_alive
from service.model_set import POLICY_NAMES
from service.observability import LearnerMetrics, configure_logging
from service.pacing import pace_budgets
from service.personalizer.learning import RankRewards, learn_rankings
from service.point_files import load_decision_points
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
from service.store.leadership import learner_lock
from service.upkeep import keep_up

STANDBY_SECONDS = 1.0
"""How often a learner that waits looks whether the lock is free."""
_logger = structlog.get_logger()


def learn_until(stop: threading.Event, settings: Settings) -> None:
    """Sync champions and learn until `stop` is set, while no other process does.

    A database that is away for a while is waited for; while the registry is away, learning goes on with the champions known.
    """
    configure_logging()
    engine = open_log(settings.log_url)
    metrics = LearnerMetrics()
    if settings.learner_metrics_port:
        start_http_server(settings.learner_metrics_port, registry=metrics.registry)
    turn, lock = _prepare(engine, settings, metrics), learner_lock(engine)
    leading: bool | None = None
    while not stop.is_set():
        try:
            leading = _tell(leads=lock.holds(), led=leading)
            metrics.leads.set(leading)
            if leading:
                turn()
        except Exception as error:  # a learner that ends learns nothing more
            metrics.failed.inc()
            _logger.error("step failed, trying again", exc_info=error)
        say_alive(settings.alive_file)
        stop.wait(settings.learn_seconds if leading else min(settings.learn_seconds, STANDBY_SECONDS))
    lock.release()
    engine.dispose()


def _prepare(engine: Engine, settings: Settings, metrics: LearnerMetrics) -> Callable[[], None]:
    """What the learner does again and again, everything it needs being loaded."""
    schema, points = load_schema(), load_decision_points(settings.decision_points)
    check_known_policies(engine, points)
    learner = Learner(engine, points)
    shadow = Shadow(engine=engine, schema=schema, check=partial(check_champion, schema=schema, points=points))
    registry = ChampionRegistry(tracking_uri=settings.registry_uri)
    rank_rewards = RankRewards(
        timedelta(minutes=settings.rank_reward_wait_minutes), settings.rank_default_reward
    )
    groups = GroupWatch(engine=engine, points=points, alarm=metrics.group_mismatch)
    calibration = CalibrationWatch(
        engine=engine,
        predicted=metrics.propensity_predicted,
        observed=metrics.propensity_observed,
        counted=metrics.propensity_decisions,
    )
    look_again = 0.0

    def turn() -> None:
        nonlocal look_again
        learner.step(datetime.now(UTC))  # first: a registry that is away takes seconds to say so
        shadow.step(datetime.now(UTC))
        keep_up(engine, datetime.now(UTC))
        learn_rankings(engine, rank_rewards, datetime.now(UTC))
        pace_budgets(engine, points, settings.time_zone, datetime.now(UTC))
        groups.step(datetime.now(UTC))
        calibration.step(datetime.now(UTC))
        if time.monotonic() >= look_again:
            answered = _sync(engine, registry, schema, points) and _follow(shadow, registry)
            metrics.registry_up.set(answered)
            look_again = time.monotonic() + settings.registry_seconds

    return turn


def _tell(*, leads: bool, led: bool | None) -> bool:
    """Whether this process learns, logged when that is new."""
    if leads is not led:
        _logger.info("learning" if leads else "ready, another process learns", pid=os.getpid())
    return leads


def check_known_policies(engine: Engine, points: Mapping[str, DecisionPoint]) -> None:
    """Raises `ValueError` when the rules now declare rewards that a policy which decides already cannot learn."""
    with engine.connect() as connection:
        champions = read_champions(connection)
    for name in POLICY_NAMES.values():
        if name in champions:
            check_rewards(name, load_policy(get_artifact(engine, champions[name][0])), points)


def _sync(
    engine: Engine, registry: ChampionRegistry, schema: Schema, points: Mapping[str, DecisionPoint]
) -> bool:
    """Whether the registry answered about its champions."""
    try:
        sync_champions(engine, registry, schema, points, datetime.now(UTC))
    except RegistryUnavailableError as error:
        _logger.error("learner keeps its champions", reason=str(error))
        return False
    return True


def _follow(shadow: Shadow, registry: ChampionRegistry) -> bool:
    """Whether the registry answered about its challengers."""
    try:
        shadow.follow(registry)
    except RegistryUnavailableError as error:
        _logger.error("shadow keeps its challengers", reason=str(error))
        return False
    return True
