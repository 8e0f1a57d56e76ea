"""A worker on a real log with fake features and scorers: everything else is what production runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from features.schema import CHANNELS, Schema, load_schema
from features.segment import Segment
from features.segment_files import load_segments
from features.stored import StoredFeatures, StoredView
from models.artifact import Artifact
from models.catalogue import load_policy
from models.complements import Complements
from models.context import Standardizer
from models.feedback import Floats
from models.inputs import SCORES, bind, input_names
from models.linear_thompson import LinearThompson
from models.send_time import SendTimeThompson
from service.access.access import build_access
from service.app import create_app
from service.company import UnderWay
from service.coupons.key import CouponKey
from service.coupons.key_file import read_or_create_keys
from service.coupons.key_ring import CouponKeys
from service.course import Rules
from service.decision_point import DecisionPoint
from service.events.plan import TrackingPlan, load_plan
from service.learner import Learner
from service.model_feed import ModelFeed
from service.model_set import POLICY_NAMES, BoundPolicy, ModelSet, name_versions, schema_artifact
from service.observability import Metrics
from service.point_files import SEGMENTS, load_decision_points
from service.settings import Settings
from service.state import State
from service.steady_reader import SteadyReader
from service.store.artifact_store import get_artifact, move_champion, put_artifact
from service.store.decision_log import DecisionLog
from service.upkeep import keep_up

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)  # 13:00 in Tehran
KEY = CouponKey(b"a secret of the tests, 32 bytes.", datetime(2026, 1, 1, tzinfo=UTC))
COUPONS = ("none", "10000", "20000", "30000", "40000", "50000")


@dataclass
class Clock:
    """The tests' time."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass
class FakeFeatureReader:
    """Features held in memory."""

    customers: dict[str, StoredFeatures] = field(default_factory=dict)

    def read(self, customer_id: str) -> StoredFeatures:
        return self.customers.get(customer_id, StoredFeatures(customer_id, {}))

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        return [self.read(customer_id) for customer_id in customer_ids]

    def customer_ids(self) -> Iterator[str]:
        yield from self.customers


def stored_customer(customer_id: str, at: datetime = NOW, **values: object) -> StoredFeatures:
    """A customer with every view fresh, defaults but for the given values; reachable and consenting unless told."""
    reach = {f"{what}_{channel}": True for what in ("consent", "reachable") for channel in CHANNELS}
    given = {**reach, **values}
    views = {}
    for view in load_schema().views:
        row = {
            f.name: given.get(f.name, None if f.default != f.default else f.default) for f in view.features
        }
        views[view.name] = StoredView(at, row)
    return StoredFeatures(customer_id, views)


def starting_policies() -> dict[str, Artifact]:
    """Policies that have learnt nothing, as champions to start from."""
    channel_inputs = tuple(f"click_rate_{channel}" for channel in CHANNELS)
    coupon_inputs = ("purchase_propensity", "churn_risk", "recency_days")
    channel = LinearThompson(
        action_names=CHANNELS,
        input_names=channel_inputs,
        standardizer=Standardizer(np.zeros(4), np.ones(4)),
        rate=0.1,
    )
    coupon = LinearThompson(
        action_names=COUPONS,
        input_names=coupon_inputs,
        standardizer=Standardizer(np.zeros(3), np.ones(3)),
    )
    send_time = SendTimeThompson(population=np.full(24, 1 / 24))
    return {
        "channel_policy": channel.to_artifact(),
        "send_time_policy": send_time.to_artifact(),
        "coupon_policy": coupon.to_artifact(),
    }


def bread_and_butter() -> Complements:
    """Five products in 100 baskets: bread goes with butter (20 together) and jam (10), butter with bread; nothing with tea.

    Most popular is milk, then bread, butter, jam, tea.
    """
    return Complements(
        product_ids=("bread", "butter", "jam", "milk", "tea"),
        starts=np.array([0, 2, 4, 5, 5, 5], dtype=np.int64),
        others=np.array([1, 2, 0, 2, 0], dtype=np.int32),
        strengths=np.array([0.5, 0.25, 0.5, 0.125, 0.25], dtype=np.float32),
        together=np.array([20, 10, 20, 5, 10], dtype=np.int32),
        baskets=np.array([40, 30, 20, 50, 10], dtype=np.int32),
        about={"n_baskets": 100, "lately_days": 28},
    )


@dataclass(frozen=True)
class FakeScorer:
    """A scorer that is a plain function of feature vectors."""

    score_many: Callable[[Floats], Floats]

    def score(self, vector: Floats) -> float:
        return float(self.score_many(vector[None])[0])


def build_fake_models(versions: dict[str, str], schema: Schema, engine: Engine) -> ModelSet:
    """Real policies from the store beside scorers that are plain functions of recency."""
    names = input_names(schema.columns)
    recency = schema.columns.index("recency_days")

    def score(rows: Floats) -> Floats:
        return np.asarray(1 / (1 + np.nan_to_num(rows[:, recency], nan=30.0)))

    policies = {}
    for decision, name in POLICY_NAMES.items():
        policy = load_policy(get_artifact(engine, versions[name]))
        policies[decision] = BoundPolicy(policy, bind(policy.input_names, names))
    scorers = {
        "purchase_propensity": FakeScorer(score),
        "churn_risk": FakeScorer(lambda rows: np.asarray(1 - score(rows))),
        "expected_value": FakeScorer(lambda rows: np.asarray(1_000_000 * score(rows))),
    }
    return ModelSet(scorers, policies, names, name_versions(versions, schema))


def publish_champions(engine: Engine, artifacts: dict[str, Artifact], at: datetime) -> None:
    """Do what the registry's sync does, without a registry."""
    with engine.begin() as connection:
        for name, artifact in artifacts.items():
            digest = put_artifact(engine, connection, artifact)
            move_champion(engine, connection, name, digest, "1", at)


def coupon_keys(var: Path, clock: Clock) -> CouponKeys:
    """The keys under `var`, which are the tests' unless there are others; looked at again whenever asked for."""
    path = Settings(var=var).coupon_keys_path
    read_or_create_keys(path, KEY)
    return CouponKeys(path=path, look_seconds=0, clock=clock, monotonic=time.monotonic)


class Shipped(NamedTuple):
    """Decision points, segments and tracking plan."""

    points: dict[str, DecisionPoint]
    segments: dict[str, Segment]
    plan: TrackingPlan


@dataclass
class Worker:
    """A running worker and the parts that a test turns."""

    client: TestClient
    state: State
    clock: Clock
    reader: FakeFeatureReader
    learner: Learner

    def learn(self) -> None:
        """One step of the learner, seen by the worker at once."""
        self.learner.step(self.clock())
        self.state.feed.refresh()

    def keep_up(self) -> None:
        """One step of the upkeep."""
        keep_up(self.state.engine, self.clock())

    def decide(self, **request: object) -> dict[str, object]:
        """The answer to a decision that must succeed."""
        response = self.client.post("/v1/decide", json={"journey": "lucky_wheel", **request})
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer


@cache
def shipped() -> Shipped:
    """What is shipped beside the code, read once: nothing changes it."""
    settings, schema = Settings(), load_schema()
    segments = load_segments(settings.decision_points / SEGMENTS, schema)
    return Shipped(load_decision_points(settings.decision_points), segments, load_plan())


@pytest.fixture
def points() -> dict[str, DecisionPoint]:
    """The shipped decision points with everybody in the decisioning group, so that no test depends on a hash.

    Without caps, budget and the one draw a day: tests of other things decide many times for one customer.
    """
    return {name: without_limits(point) for name, point in shipped().points.items()}


def without_limits(point: DecisionPoint) -> DecisionPoint:
    """The decision point with nothing in it that depends on who is asked about or what was decided before."""
    fields = {**point.model_dump(), "shares": {}, "caps": (), "minimum_gap_hours": 0.0, "shop": {}}
    if point.coupon is not None:
        fields["coupon"] = {**fields["coupon"], "once_per": None, "daily_budget": None}
    return DecisionPoint.model_validate(fields)


def without_quiet_hours(point: DecisionPoint) -> DecisionPoint:
    """The decision point with messages at any hour, for tests whose clock runs through the night."""
    fields = point.model_dump()
    if point.send_time is not None:
        fields["send_time"] = {**fields["send_time"], "quiet_hours": None}
    return DecisionPoint.model_validate(fields)


@pytest.fixture
def make_worker(
    engine: Engine, points: dict[str, DecisionPoint], tmp_path: Path
) -> Iterator[Callable[..., Worker]]:
    """Makes a worker with published champions; the keyword `points` replaces the journeys."""
    clients: list[TestClient] = []

    def make(*, points: dict[str, DecisionPoint] = points, champions: bool = True) -> Worker:
        clock, reader, metrics = Clock(), FakeFeatureReader(), Metrics()
        schema, settings = load_schema(), Settings(var=tmp_path, access_seconds=3600)
        with engine.begin() as connection:
            put_artifact(engine, connection, schema_artifact(schema))
            versions = {n: put_artifact(engine, connection, p.to_artifact()) for n, p in points.items()}
        if champions:
            scorers = {name: Artifact({"kind": "scorer", "name": name}) for name in SCORES}
            pairs = {"complements": bread_and_butter().to_artifact()}
            publish_champions(engine, {**scorers, **starting_policies(), **pairs}, clock())
        learner = Learner(engine, points)
        learner.step(clock())
        feed = ModelFeed(
            engine=engine,
            build=partial(build_fake_models, schema=schema, engine=engine),
            poll_seconds=3600,
            snapshot_gauge=metrics.snapshot,
        )
        feed.refresh()
        under_way = UnderWay()
        state = State(
            settings=settings,
            schema=schema,
            engine=engine,
            reader=SteadyReader(
                reader=reader, up=metrics.online_store_up, retry_seconds=0.01, company=under_way
            ),
            feed=feed,
            log=DecisionLog(engine, seconds=metrics.flush_seconds, company=under_way),
            access=build_access(settings, engine, clock),
            rules={n: Rules(p, versions[n], "Asia/Tehran", "IRT", KEY) for n, p in points.items()},
            segments=dict(shipped().segments),
            coupon_keys=coupon_keys(tmp_path, clock),
            metrics=metrics,
            clock=clock,
            randomness=np.random.default_rng(7).bytes,
            plan=shipped().plan,
            under_way=under_way,
        )
        client = TestClient(create_app(settings, lambda _: state), raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return Worker(client, state, clock, reader, learner)

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker that knows the customer "c1"."""
    made = make_worker()
    made.reader.customers["c1"] = stored_customer("c1", recency_days=3.0)
    return made
