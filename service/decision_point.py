"""Decision points: what is decided in each journey and under which limits."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from features.declared import Declared
from features.membership import ranks_the_base
from features.segment import Segment
from models.artifact import Artifact
from service.guardrails.period import Period, period_of
from service.point_decisions import (
    ORDER,
    QUARTER_HOURS,
    ChannelPoint,
    CouponPoint,
    DecisionName,
    Hours,
    MessagePoint,
    Reward,
    SendTimePoint,
)
from service.point_limits import Cap, Shares, ShopRules, require_different

KIND = "decision_point"


class DecisionPoint(Declared):
    """One journey's decisions."""

    journey: str = Field(pattern="^[a-z][a-z0-9_]{0,63}$")
    description: str
    salt: str = Field(description="a new salt draws the groups anew")
    shares: Shares = Shares()
    audience: Segment | None = Field(
        None, description="the name of a segment; who does not belong to it is not acted on"
    )
    tags: tuple[str, ...] = Field((), description="what this journey's messages are, for caps by tag")
    transactional: bool = Field(False, description="no cap holds its messages back, and none counts them")
    caps: tuple[Cap, ...] = ()
    minimum_gap_hours: Hours = Field(0.0, ge=0, description="between two messages of this journey")
    confirm_within_hours: Hours = Field(
        24.0,
        gt=0,
        description="a message that is not reported as delivered this long after it was due frees its place",
    )
    activate_within_minutes: float = Field(
        60.0,
        gt=0,
        le=60 * QUARTER_HOURS,
        description="a deferred decision that is not activated by then never happened",
    )
    shop: ShopRules = ShopRules()
    channel: ChannelPoint | None = None
    send_time: SendTimePoint | None = None
    coupon: CouponPoint | None = None
    message: MessagePoint | None = None

    @field_validator("audience", mode="before")
    @classmethod
    def _find_the_segment(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        segments = info.context["segments"] if info.context else {}
        if value not in segments:
            raise ValueError(f"no segment {value!r}; there are {sorted(segments)}")
        if ranks_the_base(segments[value]):
            raise ValueError(
                f"segment {value!r} ranks the whole base (`top`), which is not known of one customer in a decision; "
                "wanted bounds on the feature, or an RFM score"
            )
        return segments[value]

    @cached_property
    def decisions(self) -> tuple[DecisionName, ...]:
        """What this journey decides, in the order of the factored decision."""
        return tuple(name for name in ORDER if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _name_caps_differently(self) -> Self:
        require_different(self.caps)
        return self

    @model_validator(mode="after")
    def _know_what_is_usual(self) -> Self:
        missing = [name for name in self.decisions if not getattr(self, name).usual]
        if self.shares.business_as_usual and missing:
            raise ValueError(f"shares.business_as_usual needs `usual` in each decision; none in {missing}")
        return self

    @property
    def activation_wait(self) -> timedelta:
        """How long a deferred decision may be activated."""
        return timedelta(minutes=self.activate_within_minutes)

    @property
    def confirmation_wait(self) -> timedelta:
        """How long a message of which nothing is heard holds its place."""
        return timedelta(hours=self.confirm_within_hours)

    @property
    def has_draws(self) -> bool:
        """Whether a customer has one draw a period."""
        return self.coupon is not None and self.coupon.once_per is not None

    def draw_period(self, at: datetime, zone: ZoneInfo) -> Period | None:
        """The period of which a customer in this zone has one draw; None where there is no such limit."""
        if self.coupon is None or self.coupon.once_per is None:
            return None
        return period_of(self.coupon.once_per, at, zone, self.shop.calendar)

    def usual(self, decision: DecisionName) -> tuple[str, ...]:
        """What is done as usual, by preference, as names of actions."""
        usual: tuple[str | int, ...] = getattr(self, decision).usual
        return tuple("none" if each == 0 else str(each) for each in usual)

    def reward(self, decision: DecisionName) -> Reward:
        """The reward of one of its decisions."""
        point = getattr(self, decision)
        assert point is not None, f"{self.journey} does not decide {decision}"
        reward: Reward = point.reward
        return reward

    def to_artifact(self) -> Artifact:
        """The decision point as data; its digest is the version of the rules in answers and logs."""
        return Artifact({"kind": KIND, **self.model_dump(mode="json")})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The decision point that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(KIND)
        fields = {name: value for name, value in artifact.manifest.items() if name != "kind"}
        return cls.model_validate(fields)
