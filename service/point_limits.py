"""The limits of journeys and of the whole shop, as their files declare them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.declared import Declared
from service.point_decisions import Channel, Hours, repeated

Share = Annotated[float, Field(ge=0, le=1)]


class Shares(Declared):
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


class Cap(Declared):
    """At most so many messages in any span of so many hours, or in a day, week or month of the customer's calendar.

    Declared in a journey it counts that journey's messages, in `shop.yaml` those of all journeys; with a channel or a tag
    only those of that channel or tag.
    """

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,63}$")
    at_most: int = Field(ge=0, le=1_000_000)
    within: Literal["day", "week", "month"] | Annotated[Hours, Field(gt=0)] = Field(
        description="a calendar period of the customer's zone, or hours of a rolling window"
    )
    channel: Channel | None = None
    tag: str | None = None


def require_different(caps: Collection[Cap]) -> None:
    """Raises `ValueError` where two caps have one name."""
    if twice := repeated([cap.name for cap in caps]):
        raise ValueError(f"caps have one name twice: {twice}; reasons name a cap by it")


class ShopRules(Declared):
    """What holds across all journeys: `shop.yaml`."""

    holdout: Share = Field(default=0.0, description="share of customers that no journey ever acts on")
    salt: str = Field(default="shop-1", description="a new salt draws the universal hold-out anew")
    calendar: Literal["gregorian", "jalali"] = Field(
        default="gregorian",
        description="whose weeks and months: from Monday, or from Saturday and Farvardin to Esfand",
    )
    caps: tuple[Cap, ...] = ()
    minimum_gap_hours: Hours = Field(default=0.0, ge=0, description="between any two messages to a customer")

    @model_validator(mode="after")
    def _name_caps_differently(self) -> Self:
        require_different(self.caps)
        return self
