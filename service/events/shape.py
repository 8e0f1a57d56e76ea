"""Messages in the shapes of the Segment spec.

Source: the common fields and the six calls of the Segment spec, https://segment.com/docs/connections/spec/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from service.schemas import Identifier, Moment


def _absent_if_empty(value: Any) -> Any:
    return None if value == "" else value


Absent = BeforeValidator(_absent_if_empty)
OptionalId = Annotated[Identifier | None, Absent]


class Message(BaseModel):
    """The fields that all messages may have; others are taken and ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    messageId: OptionalId = Field(  # noqa: N815 - the spec's name
        None, description="known once: a repeat changes nothing; without one, every message is a new one"
    )
    userId: OptionalId = Field(None, description="the customer's id")  # noqa: N815
    anonymousId: OptionalId = Field(None, description="stands in until the customer is known")  # noqa: N815
    timestamp: Moment | None = Field(None, description="when it happened, by the sender's clock; else: now")
    originalTimestamp: Moment | None = Field(None, description="read where there is no timestamp")  # noqa: N815
    sentAt: Moment | None = Field(None, description="when it was sent, by the same clock: corrects it")  # noqa: N815
    context: dict[str, Any] = Field(default_factory=dict)


class Identify(Message):
    """Who somebody is, and what is known of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "userId": "1001",
                "anonymousId": "507f191e810c19729de860ea",
                "traits": {"city": "Shiraz", "loyalty_tier": "gold"},
                "timestamp": "2026-11-22T09:30:00Z",
                "messageId": "identify-1001-1",
            }
        }
    )

    traits: dict[Identifier, Any] = Field(
        default_factory=dict, description="the latest told of each is the customer's; null takes one back"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_traits_of_context(cls, raw: Any) -> Any:
        """RudderStack's clients put them there."""
        context = raw.get("context") if isinstance(raw, dict) else None
        told = context.get("traits") if isinstance(context, dict) else None
        if isinstance(told, dict) and isinstance(raw.get("traits", {}), dict):
            return {**raw, "traits": {**told, **raw.get("traits", {})}}
        return raw


class Track(Message):
    """What somebody did."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "userId": "1001",
                "event": "Newsletter Read",
                "properties": {"topic": "winter"},
                "timestamp": "2026-11-22T09:30:00Z",
                "messageId": "read-1001-1",
            }
        }
    )

    event: Identifier = Field(description="its name, as in docs/tracking-plan.md")
    properties: dict[str, Any] = Field(default_factory=dict)


class Page(Message):
    """A page, or a screen of an app, that somebody saw."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "anonymousId": "507f191e810c19729de860ea",
                "name": "Home",
                "properties": {"path": "/"},
                "messageId": "page-1001-1",
            }
        }
    )

    name: OptionalId = None
    category: OptionalId = None
    properties: dict[str, Any] = Field(default_factory=dict)


class Alias(Message):
    """An anonymous id that was used before, and the customer whose it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "previousId": "507f191e810c19729de860ea",
                "userId": "1001",
                "messageId": "alias-1001-1",
            }
        }
    )

    previousId: Identifier  # noqa: N815
    userId: Identifier  # noqa: N815


class Group(Message):
    """A group that somebody belongs to."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "userId": "1001",
                "groupId": "friends-of-the-house",
                "traits": {"since": 2024},
                "messageId": "group-1001-1",
            }
        }
    )

    groupId: Identifier  # noqa: N815
    traits: dict[Identifier, Any] = Field(default_factory=dict)


class Typed(BaseModel):
    """What tells a message of a batch from others."""

    type: Literal["identify", "track", "page", "screen", "alias", "group"]


MODELS: Final[Mapping[str, type[Message]]] = {
    "identify": Identify,
    "track": Track,
    "page": Page,
    "screen": Page,
    "alias": Alias,
    "group": Group,
}
"""The model of each type."""
