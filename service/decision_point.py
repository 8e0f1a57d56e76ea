"""Decision points: what is decided in each journey and under which limits, one YAML file a journey."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from features.declared import DeclarationError, parse_declared
from features.schema import load_schema
from features.segment import Segment
from features.segment_files import load_segments
from models.artifact import Artifact
from models.inputs import CHANNELS
from models.reward import RewardSpec
from service.guardrails.period import Period, period_of

DecisionName = Literal["channel", "send_time", "coupon", "message"]
ORDER: tuple[DecisionName, ...] = ("channel", "send_time", "coupon", "message")
KIND = "decision_point"
SHOP_FILE = "shop.yaml"
SEGMENTS = "segments"
"""The folder of segments beside the journeys."""
Share = Annotated[float, Field(ge=0, le=1)]
Cost = Annotated[float, Field(ge=0)]
Channel = Literal["email", "sms", "app_push", "web_push"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reward(_Strict):
    """How outcomes become this decision's reward; see `models.reward.RewardSpec`."""

    kind: Literal["click", "net_value"]
    window_hours: float = Field(gt=0)
    delivery: Literal["reported", "assumed"] = "reported"
    margin_share: float = Field(0.2, ge=0, le=1)
    message_cost: Cost | dict[Channel, Cost] = Field(0.0, description="of a message, or by channel")
    unsubscribe_cost: float = Field(0.0, ge=0)

    def spec(self) -> RewardSpec:
        """The same as a value of `models`."""
        return RewardSpec(**self.model_dump())


class Shares(_Strict):
    """How customers are split; what is left over is the decisioning group."""

    holdout: Share = 0.0
    random: Share = 0.0
    business_as_usual: Share = 0.0

    @model_validator(mode="after")
    def _leave_some_over(self) -> Self:
        total = self.holdout + self.random + self.business_as_usual
        if total >= 1:
            raise ValueError(f"shares add up to {total}; wanted less than 1")
        return self


def _require_known(usual: Collection[object], actions: Collection[object]) -> None:
    unknown = [each for each in usual if each not in actions]
    if unknown:
        raise ValueError(f"usual names {unknown}; there are {list(actions)}")


class Cap(_Strict):
    """At most so many messages in any span of so many hours, or in a day, week or month of the customer's calendar.

    Declared in a journey it counts that journey's messages, in `shop.yaml` those of all journeys; with a channel or a tag
    only those of that channel or tag.
    """

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,63}$")
    at_most: int = Field(ge=0)
    within: Literal["day", "week", "month"] | Annotated[float, Field(gt=0, le=24 * 92)] = Field(
        description="a calendar period of the customer's zone, or hours of a rolling window"
    )
    channel: Channel | None = None
    tag: str | None = None


def _require_different(caps: Collection[Cap]) -> None:
    names = [cap.name for cap in caps]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"caps have one name twice: {twice}; reasons name a cap by it")


class ShopRules(_Strict):
    """What holds across all journeys: `shop.yaml`."""

    holdout: Share = Field(default=0.0, description="share of customers that no journey ever acts on")
    salt: str = Field(default="shop-1", description="a new salt draws the universal hold-out anew")
    calendar: Literal["gregorian", "jalali"] = Field(
        default="gregorian",
        description="whose weeks and months: from Monday, or from Saturday and Farvardin to Esfand",
    )
    caps: tuple[Cap, ...] = ()
    minimum_gap_hours: float = Field(default=0.0, ge=0, description="between any two messages to a customer")

    @model_validator(mode="after")
    def _name_caps_differently(self) -> Self:
        _require_different(self.caps)
        return self


def _as_written(value: object) -> object:
    """YAML reads 22:00 as the number 1320, which would be twenty-two minutes past midnight."""
    if isinstance(value, (int, float)):
        raise ValueError(  # noqa: TRY004 - pydantic collects no other
            f'wanted a time in quotes, such as "22:00"; YAML made a number of it: {value}'
        )
    return value


ClockTime = Annotated[time, BeforeValidator(_as_written)]


class QuietHours(_Strict):
    """The customer's local hours in which nothing is sent: from `start` up to `end`, across midnight if end is earlier."""

    start: ClockTime
    end: ClockTime


class ChannelPoint(_Strict):
    """The channels that may be chosen."""

    actions: tuple[Channel, ...] = Field(CHANNELS, min_length=1)
    usual: tuple[Channel, ...] = Field((), description="what is done as usual: the first that may be")
    reward: Reward

    @model_validator(mode="after")
    def _know_the_usual_channels(self) -> Self:
        _require_known(self.usual, self.actions)
        return self


class SendTimePoint(_Strict):
    """The local hours up to the deadline."""

    deadline_hours: float = Field(24, gt=0, le=24)
    quiet_hours: QuietHours | None = None
    usual: tuple[Annotated[str, Field(pattern="^([01][0-9]|2[0-3])$")], ...] = Field(
        (), description="local hours at which it is sent as usual: the first that may be"
    )
    reward: Reward


class CouponPoint(_Strict):
    """The coupon sizes, 0 for none, in the shop's currency, and how long a code lives."""

    amounts: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    valid: Literal["until_local_midnight"] | Annotated[int, Field(gt=0)] = Field(
        description="until_local_midnight of the day of the decision, or a number of hours from the send time"
    )
    minimum_life_minutes: int = Field(30, ge=0)
    essential: bool = Field(False, description="without a coupon there is nothing to say: none means hold")
    budget_price: float = Field(
        0.0,
        ge=0,
        description="λ: each unit of coupon cost counts as 1 + λ; the least it is, whatever the pacing says",
    )
    usual: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (), description="sizes that are given as usual: the first that may be"
    )
    daily_budget: int | None = Field(
        None, gt=0, description="face value of all coupons that may be out or used per day of the shop's zone"
    )
    pacing_gain: float = Field(
        20.0,
        ge=0,
        description="how hard λ answers a budget that runs ahead of the clock (`guardrails/pacing.py`); 0: not at all",
    )
    once_per: Literal["day", "week", "month"] | None = Field(
        None, description="one draw per customer and period of the customer's zone, whatever is asked again"
    )
    reward: Reward

    @model_validator(mode="after")
    def _know_the_usual_sizes(self) -> Self:
        _require_known(self.usual, self.amounts)
        return self

    @model_validator(mode="after")
    def _leave_the_message_to_the_channel(self) -> Self:
        if self.reward.kind != "net_value":
            raise ValueError("what a coupon earns is money; wanted reward kind net_value")
        if self.reward.message_cost:
            raise ValueError("a message costs the same with any coupon; wanted no message_cost here")
        return self


class MessagePoint(_Strict):
    """The message variants of a fixed, even split."""

    variants: tuple[str, ...] = Field(min_length=1)
    usual: tuple[str, ...] = Field((), description="the variant that is sent as usual")
    reward: Reward

    @model_validator(mode="after")
    def _know_the_usual_variants(self) -> Self:
        _require_known(self.usual, self.variants)
        return self


class DecisionPoint(_Strict):
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
    minimum_gap_hours: float = Field(0.0, ge=0, description="between two messages of this journey")
    confirm_within_hours: float = Field(
        24.0,
        gt=0,
        description="a message that is not reported as delivered this long after it was due frees its place",
    )
    activate_within_minutes: float = Field(
        60.0, gt=0, description="a deferred decision that is not activated by then never happened"
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
        return segments[value]

    @property
    def decisions(self) -> tuple[DecisionName, ...]:
        """What this journey decides, in the order of the factored decision."""
        return tuple(name for name in ORDER if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _name_caps_differently(self) -> Self:
        _require_different(self.caps)
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


def parse_decision_point(
    text: str, origin: str, segments: Mapping[str, Segment] | None = None
) -> DecisionPoint:
    """The decision point in a YAML text, its audience one of the segments. Raises `DeclarationError`."""
    return parse_declared(DecisionPoint, text, origin, {"segments": segments or {}})


def load_decision_points(folder: Path) -> dict[str, DecisionPoint]:
    """The decision points of a folder by journey, `shop.yaml`'s rules and their audiences, of `segments/`, in each.

    Raises: `DeclarationError`; a folder without a journey is one.
    """
    points: dict[str, DecisionPoint] = {}
    shop, segments = load_shop_rules(folder / SHOP_FILE), load_segments(folder / SEGMENTS, load_schema())
    for path in sorted(folder.glob("*.yaml")):
        if path.name == SHOP_FILE:
            continue
        point = parse_decision_point(path.read_text(encoding="utf-8"), str(path), segments)
        if point.journey in points:
            raise DeclarationError(f"{path}: journey {point.journey!r} is declared twice")
        points[point.journey] = point.model_copy(update={"shop": shop})
    if not points:
        raise DeclarationError(f"{folder}: no *.yaml file; wanted one for each journey")
    return points


def load_shop_rules(path: Path) -> ShopRules:
    """The rules across journeys in a file; none where there is no file. Raises `DeclarationError`."""
    return (
        parse_declared(ShopRules, path.read_text(encoding="utf-8"), str(path))
        if path.is_file()
        else ShopRules()
    )
