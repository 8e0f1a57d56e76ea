"""A decision under way: the facts and rules it starts from, and what was chosen so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from features.encoding import FeatureVector
from features.zone import UnknownTimeZoneError, load_zone
from models.inputs import JOURNEY, Inputs, journey_number
from service.coupons.key import CouponKey
from service.decision_point import DecisionPoint
from service.drawing import Drawing
from service.group import group_of
from service.guardrails.cap import horizon
from service.guardrails.period import Period, period_of
from service.guardrails.reason import Found, give_reason
from service.guardrails.send_slot import local_midnight, slots
from service.model_set import ModelSet
from service.point_decisions import CouponPoint, DecisionName
from service.record import Round
from service.schemas import DecideRequest, Group, Reason
from service.standing import Draw, Standing


@dataclass(frozen=True)
class Facts:
    """What is known of one decision before it is made."""

    decision_id: str
    decided_at: datetime
    request: DecideRequest
    features: FeatureVector
    standing: Standing = field(default_factory=Standing)
    late: bool = False
    """The caller's patience was over before it could be decided."""


@dataclass(frozen=True)
class Rules:
    """What holds for every decision of a journey."""

    point: DecisionPoint
    version: str
    time_zone: str
    currency: str
    coupon_key: CouponKey

    @cached_property
    def shop_zone(self) -> ZoneInfo:
        """The shop's zone, whose days a budget is for."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def horizon(self) -> timedelta:
        """How far before and after now messages can matter."""
        return horizon(self.point)

    @cached_property
    def limits_a_day(self) -> bool:
        """Whether there is a budget for a day."""
        return self.point.coupon is not None and self.point.coupon.daily_budget is not None

    def draw_period(self, at: datetime, zone_name: str) -> str | None:
        """The name of the period of which a customer in this zone has one draw; None where there is no such limit."""
        period = self.point.draw_period(at, customer_zone(zone_name, self.time_zone))
        return None if period is None else period.name


@dataclass
class Course:
    """A decision under way: what was chosen so far and what it was chosen from."""

    facts: Facts
    models: ModelSet
    point: DecisionPoint
    group: Group
    zone: ZoneInfo
    shop_zone: ZoneInfo
    wanted: tuple[DecisionName, ...]
    inputs: Inputs
    rounds: list[Round] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    channel: str | None = None
    send_at: datetime | None = None
    coupon_amount: int | None = None
    message: str | None = None
    suppressed: bool = False
    customer_class: dict[str, float] | None = None

    @cached_property
    def features(self) -> dict[str, float]:
        """Every number of the customer's features by its column's name."""
        return dict(zip(self.models.input_names, self.facts.features.values.tolist(), strict=False))

    @property
    def effective_at(self) -> datetime:
        """When the message goes out, or now where none does."""
        return self.send_at or self.facts.decided_at

    @cached_property
    def period(self) -> Period | None:
        """The period of which the customer has one draw; None where there is no such limit or no coupon is decided."""
        return self.point.draw_period(self.facts.decided_at, self.zone) if "coupon" in self.wanted else None

    @property
    def repeats(self) -> Draw | None:
        """The draw that was made in this period already and is answered again; None where nothing is to be answered."""
        silent = self.suppressed or self.group == "holdout" or self.period is None
        return None if silent else self.facts.standing.draw

    @cached_property
    def budget_ends_at(self) -> datetime:
        """When the shop's day and with it the day's budget ends."""
        return period_of("day", self.facts.decided_at, self.shop_zone).ends_at

    @cached_property
    def local_midnight(self) -> datetime:
        """The end of the customer's day."""
        return local_midnight(self.facts.decided_at, self.zone)

    @cached_property
    def slots(self) -> Mapping[str, datetime]:
        """When the message would go out in each local hour."""
        quiet = self.point.send_time.quiet_hours if self.point.send_time else None
        return slots(self.facts.decided_at, self.zone, quiet)

    def coupon_expiry(self, point: CouponPoint) -> datetime:
        """When a code given in this decision dies."""
        if point.valid == "until_local_midnight":
            return self.local_midnight
        return self.effective_at + timedelta(hours=point.valid)


def start(
    facts: Facts,
    models: ModelSet,
    rules: Rules,
    wanted: tuple[DecisionName, ...],
    scores: Mapping[str, float],
) -> Course:
    """The decision before its first choice: inputs filled, group assigned, the customer's zone known."""
    point, reasons = rules.point, list[Reason]()
    name = facts.features.strings["time_zone"]
    zone = customer_zone(name, rules.time_zone)
    if name and zone.key != name:
        detail = f"{name!r} is no IANA zone; the shop's, {rules.time_zone}, stands in"
        found = Found((rules.time_zone,), (name,), features=("time_zone",))
        reasons.append(give_reason("time_zone", detail, found))
    inputs = Inputs(names=models.input_names, features=facts.features.values)
    for name, score in scores.items():
        inputs.set(name, score)
    inputs.set_moment(facts.decided_at.astimezone(zone))
    inputs.set(JOURNEY, journey_number(point.journey))
    group = group_of(facts.request.customer_id, point)
    return Course(facts, models, point, group, zone, rules.shop_zone, wanted, inputs, reasons=reasons)


def customer_zone(name: str, shop_zone: str) -> ZoneInfo:
    """The zone of that name; the shop's where it is unknown or no zone."""
    try:
        return load_zone(name or shop_zone)
    except UnknownTimeZoneError:
        return ZoneInfo(shop_zone)
