"""What decides in the simulation: the product's own policies and rules, with arms large enough to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.bulk import latest_as_of
from features.encoding import FeatureVector
from features.schema import Schema, load_schema
from journeys.definition import Journey
from journeys.definition_files import load_journeys
from models.artifact import Artifact
from models.delay import Additive, Sums
from models.feedback import Integers
from models.inputs import SCORES, input_names
from service.coupons.key import CouponKey
from service.course import Rules
from service.decision_point import DecisionPoint
from service.group import assign_group, is_held_out_of_all
from service.model_set import POLICY_NAMES, ModelSet, bind_policies
from service.point_decisions import DecisionName
from service.point_files import load_decision_points
from service.point_limits import Shares
from service.schemas import Group
from training.champion import read_champion, read_champion_scorers
from training.importing.dataset import dataset_folder
from training.places import Places
from training.simulation.stage import Stage, open_stage
from training.simulation.wheel_rule import wheel_sizes
from training.simulation.world import JOURNEYS

PLAYED: Final = (*JOURNEYS, "follow_pages")
"""The talk's journeys, which the world knows, and the seventh, of which the talk has no numbers."""
POINTS: Final = Path(__file__).parents[2] / "service" / "decision_points"
ARMS: Final[tuple[Group, ...]] = ("decisioning", "business_as_usual", "random", "holdout")
SHARES: Final = Shares(business_as_usual=0.2, random=0.2, holdout=0.2)
USUAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "channel": ("app_push", "sms", "email", "web_push"),
    "send_time": tuple(f"{(10 + ahead) % 24:02d}" for ahead in range(24)),
    "message": ("reminder",),
}
"""A push where one may be, at ten in the morning or the next open hour; no coupon but at the wheel, by the talk's rule."""
DATASET: Final = "complete-journey"
LAPSED_DAYS: Final = 90.0
LAPSED_SHARE: Final = 0.15
"""Of customers; real households that stopped are 6 %, too few for the weekly messages to be compared."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A copy of a household: its features and hidden preferences, under an id and so in groups of its own."""

    number: int
    customer_id: str
    household: int
    has_lapsed: bool


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The world, the journeys and what decides in them."""

    stage: Stage
    schema: Schema
    journeys: Mapping[str, Journey]
    rules: Mapping[str, Rules]
    models: ModelSet

    def with_learnt(self, sums: Mapping[DecisionName, Sums]) -> Shop:
        """The shop whose policies have learnt these sums, too."""
        policies = dict(self.models.policies)
        for decision, learnt in sums.items():
            policy = policies[decision].policy.clone()
            additive(policy).statistics += learnt
            policies[decision] = replace(policies[decision], policy=policy)
        return replace(self, models=replace(self.models, policies=policies))

    def customer(self, number: int) -> Customer:
        """The customer of this number: `LAPSED_SHARE` are copies of households without an order for `LAPSED_DAYS`."""
        has_lapsed = number % 100 < 100 * LAPSED_SHARE and len(self.lapsed) > 0
        among = self.lapsed if has_lapsed else self.active
        household = int(among[number // 100 * 7919 % len(among) - number % 100])
        return Customer(
            number=number,
            customer_id=f"{self.stage.audience.customer_ids[household]}/{number}",
            household=household,
            has_lapsed=has_lapsed,
        )

    def group(self, customer_id: str, journey: str) -> Group | None:
        """The customer's group in a journey by itself; None of who is held out of all journeys."""
        point = self.rules[journey].point
        if is_held_out_of_all(customer_id, point):
            return None
        return assign_group(customer_id, point.salt, point.shares)

    @cached_property
    def lapsed(self) -> Integers:
        """The households that have stopped buying."""
        recency = self.stage.audience.columns(("recency_days",))[:, 0]
        return np.flatnonzero(recency >= LAPSED_DAYS)

    @cached_property
    def active(self) -> Integers:
        """The other households."""
        return np.setdiff1d(np.arange(len(self.stage.audience.customer_ids)), self.lapsed)

    @cached_property
    def sizes(self) -> list[int]:
        """What the talk's rule gives each household at the wheel."""
        return [int(size) for size in wheel_sizes(self.stage.audience)]

    def features(self, household: int) -> FeatureVector:
        """The household's features as they were when the policies were fitted: they do not move with the simulated weeks."""
        known = self.stage.audience.known[household, : len(self.schema.columns)]
        return FeatureVector(known, {"time_zone": ""}, ())

    @cached_property
    def scores(self) -> list[dict[str, float]]:
        """The scores of each household."""
        columns = self.stage.audience.columns(SCORES)
        return [dict(zip(SCORES, row, strict=True)) for row in columns.tolist()]


def open_shop(var: Path, time_zone: str) -> Shop:
    """The shop of a folder that `make run` or `python -m training prepare` left."""
    places, schema = Places(var=var), load_schema()
    scorers = read_champion_scorers(places.registry_uri, schema)
    stage = open_stage(
        dataset_folder(var, DATASET),
        places.snapshots,
        schema,
        scorers,
        as_of=latest_as_of(places.snapshots),
        seed=0,
    )
    champions = {name: read_champion(places.registry_uri, name) for name in POLICY_NAMES.values()}
    return set_up(stage, champions, time_zone)


def set_up(stage: Stage, champions: Mapping[str, Artifact], time_zone: str) -> Shop:
    """The shop of this stage, whose policies start from these artifacts, in the arms' shares."""
    schema = load_schema()
    names = input_names(schema.columns)
    policies = bind_policies(names, champions.__getitem__)
    points = load_decision_points(POINTS)
    key = CouponKey(bytes(32), datetime(2000, 1, 1, tzinfo=UTC))
    rules = {
        name: Rules(
            point=compare(points[name]),
            version="simulated",
            time_zone=time_zone,
            currency=stage.currency,
            coupon_key=key,
        )
        for name in PLAYED
    }
    definitions = load_journeys()
    return Shop(
        stage=stage,
        schema=schema,
        journeys={name: definitions[name] for name in PLAYED},
        rules=rules,
        models=ModelSet({}, policies, names, {}),
    )


def compare(point: DecisionPoint) -> DecisionPoint:
    """The journey with arms of `SHARES`, what is usual, and no daily budget: it is sized for a shop, not for this base."""
    changes: dict[str, Any] = {"shares": SHARES}
    for name in point.decisions:
        usual = {"usual": USUAL.get(name, point.coupon and point.coupon.amounts)}
        changes[name] = getattr(point, name).model_copy(update=usual)
    if point.coupon is not None:
        changes["coupon"] = changes["coupon"].model_copy(update={"daily_budget": None})
    return point.model_copy(update=changes)


def additive(policy: object) -> Additive[Any]:
    """The policy as a sum over rounds. Raises `TypeError` for one that is fitted otherwise."""
    if not isinstance(policy, Additive):
        raise TypeError(
            f"{type(policy).__name__} has no sums to learn by; wanted a policy that learns online"
        )
    return policy
