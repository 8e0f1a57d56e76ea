"""What a journey may decide, as its file declares it: the actions, what is usual, and the reward."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import time
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from features.declared import Declared
from models.inputs import CHANNELS
from models.reward import RewardSpec

DecisionName = Literal["channel", "send_time", "coupon", "message"]
ORDER: tuple[DecisionName, ...] = ("channel", "send_time", "coupon", "message")
QUARTER_HOURS: Final = 24 * 92
"""The longest that anything of a message is waited for or counted."""
YEAR_HOURS: Final = 24 * 366
MOST_MONEY: Final = 10**12
"""Of one coupon or one message: sums of a million of them are still whole numbers in every database."""
Hours = Annotated[float, Field(le=QUARTER_HOURS)]
Cost = Annotated[float, Field(ge=0, le=MOST_MONEY)]
Amount = Annotated[int, Field(ge=0, le=MOST_MONEY)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Channel = Literal["email", "sms", "app_push", "web_push"]


class Reward(Declared):
    """How outcomes become this decision's reward; see `models.reward.RewardSpec`."""

    kind: Literal["click", "net_value"]
    window_hours: Hours = Field(gt=0)
    delivery: Literal["reported", "assumed"] = "reported"
    margin_share: float = Field(0.2, ge=0, le=1)
    message_cost: Cost | dict[Channel, Cost] = Field(0.0, description="of a message, or by channel")
    unsubscribe_cost: Cost = 0.0

    def spec(self) -> RewardSpec:
        """The same as a value of `models`."""
        return RewardSpec(**self.model_dump())


class ChannelPoint(Declared):
    """The channels that may be chosen."""

    actions: tuple[Channel, ...] = Field(CHANNELS, min_length=1)
    usual: tuple[Channel, ...] = Field((), description="what is done as usual: the first that may be")
    reward: Reward

    @model_validator(mode="after")
    def _check_the_channels(self) -> Self:
        _check_actions(self.actions, self.usual)
        return self


def _as_written(value: object) -> object:
    """YAML reads 22:00 as the number 1320, which would be twenty-two minutes past midnight."""
    if isinstance(value, (int, float)):
        raise ValueError(  # noqa: TRY004 - pydantic collects no other
            f'wanted a time in quotes, such as "22:00"; YAML made a number of it: {value}'
        )
    return value


def _to_the_minute(value: time) -> time:
    """The customer's clock has a zone of its own, and what comes every day has no fold: times of either are equal."""
    if value.tzinfo is not None or value.second or value.microsecond:
        raise ValueError(
            f'wanted hour and minute on the customer\'s clock, such as "22:00"; found {value.isoformat()}'
        )
    return value.replace(fold=0)


ClockTime = Annotated[time, BeforeValidator(_as_written), AfterValidator(_to_the_minute)]


class QuietHours(Declared):
    """The customer's local hours in which nothing is sent: from `start` up to `end`, across midnight if end is earlier."""

    start: ClockTime
    end: ClockTime


class SendTimePoint(Declared):
    """The local hours up to the deadline."""

    deadline_hours: float = Field(24, gt=0, le=24)
    quiet_hours: QuietHours | None = None
    usual: tuple[Annotated[str, Field(pattern="^([01][0-9]|2[0-3])$")], ...] = Field(
        (), description="local hours at which it is sent as usual: the first that may be"
    )
    reward: Reward


class CouponPoint(Declared):
    """The coupon sizes, 0 for none, in the shop's currency, and how long a code lives."""

    amounts: tuple[Amount, ...] = Field(min_length=1)
    valid: Literal["until_local_midnight"] | Annotated[int, Field(gt=0, le=YEAR_HOURS)] = Field(
        description="until_local_midnight of the day of the decision, or a number of hours from the send time"
    )
    minimum_life_minutes: int = Field(30, ge=0, le=60 * YEAR_HOURS)
    essential: bool = Field(False, description="without a coupon there is nothing to say: none means hold")
    budget_price: Weight = Field(
        0.0,
        description="λ: each unit of coupon cost counts as 1 + λ; the least it is, whatever the pacing says",
    )
    usual: tuple[Amount, ...] = Field((), description="sizes that are given as usual: the first that may be")
    daily_budget: int | None = Field(
        None,
        gt=0,
        le=MOST_MONEY * 1000,
        description="face value of all coupons that may be out or used per day of the shop's zone",
    )
    pacing_gain: Weight = Field(
        20.0,
        description="how hard λ answers a budget that runs ahead of the clock (`guardrails/pacing.py`); 0: not at all",
    )
    once_per: Literal["day", "week", "month"] | None = Field(
        None, description="one draw per customer and period of the customer's zone, whatever is asked again"
    )
    reward: Reward

    @model_validator(mode="after")
    def _check_the_sizes(self) -> Self:
        _check_actions(self.amounts, self.usual)
        return self

    @model_validator(mode="after")
    def _leave_the_message_to_the_channel(self) -> Self:
        if self.reward.kind != "net_value":
            raise ValueError("what a coupon earns is money; wanted reward kind net_value")
        if self.reward.message_cost:
            raise ValueError("a message costs the same with any coupon; wanted no message_cost here")
        return self


class MessagePoint(Declared):
    """The message variants of a fixed, even split."""

    variants: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    usual: tuple[str, ...] = Field((), description="the variant that is sent as usual")
    reward: Reward

    @model_validator(mode="after")
    def _check_the_variants(self) -> Self:
        _check_actions(self.variants, self.usual)
        return self


def repeated(names: Sequence[object]) -> list[str]:
    """What stands more than once.

    >>> repeated(["sms", "email", "sms"])
    ['sms']
    """
    return sorted({str(name) for name in names if names.count(name) > 1})


def _check_actions(actions: Sequence[object], usual: Collection[object]) -> None:
    if twice := repeated(actions):
        raise ValueError(f"found {', '.join(twice)} more than once; each is one action with one probability")
    unknown = [each for each in usual if each not in actions]
    if unknown:
        raise ValueError(f"usual names {unknown}; there are {list(actions)}")
