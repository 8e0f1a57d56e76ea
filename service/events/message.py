"""What becomes of a message: an event, or kept aside with field and fault.

Source: the timestamps of the Segment spec, https://segment.com/docs/connections/spec/common/#timestamps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from service.errors import InvalidRequestError
from service.events.shape import MODELS, Alias, Group, Identify, Message, Page, Track, Typed
from service.events.told import Aside, Told, to_json
from service.item_body import validate_item
from service.schemas import Identifier

MOST_BYTES: Final = 32_768
"""Of one message, as compact JSON."""
CLOCK_SKEW: Final = timedelta(hours=1)
"""How far into the future a message's time may lie after its correction."""
_IDENTIFIER: Final = TypeAdapter[str](Identifier)
_CONTENT: Final = ("properties", "traits", "context", "category")


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How messages came: when, when their envelope says they were sent, and ids for those that have none."""

    received_at: datetime
    sent_at: Any
    new_id: Callable[[], str]


def read_message(raw: Any, arrival: Arrival) -> Told | Aside:
    """What becomes of a message, its type in it."""
    try:
        message = _validated(raw, arrival.sent_at)
        occurred_at = happened_at(message, arrival.received_at)
    except InvalidRequestError as error:
        return set_aside(raw, arrival, error.faults[0])
    anonymous_id, name = _read_ids(message)
    return Told(
        message_id=message.messageId or arrival.new_id(),
        customer_id=message.userId,
        anonymous_id=anonymous_id,
        type=raw["type"],
        name=name,
        occurred_at=occurred_at,
        content=_content(raw, message),
    )


def happened_at(message: Message, received_at: datetime) -> datetime:
    """When it happened, by our clock. Raises `InvalidRequestError` when that lies in the future."""
    told = message.timestamp or message.originalTimestamp
    if told is None:
        return received_at
    at = told if message.sentAt is None else received_at - (message.sentAt - told)
    if at > received_at + CLOCK_SKEW:
        raise InvalidRequestError.of("timestamp", "lies in the future, its sender's clock considered")
    return at


def set_aside(raw: Any, arrival: Arrival, fault: Mapping[str, str]) -> Aside:
    """The message, kept for this fault, with what can be read of whose and what it is."""
    fields = raw if isinstance(raw, dict) else {}
    return Aside(
        message_id=_readable(fields, "messageId") or arrival.new_id(),
        customer_id=_readable(fields, "userId"),
        anonymous_id=_readable(fields, "anonymousId"),
        name=_readable(fields, "event") or _readable(fields, "name"),
        field=_plain(fault["field"])[:256],
        fault=_plain(fault["fault"])[:1_000],
        content={"message": raw, "sentAt": arrival.sent_at},
    )


def _validated(raw: Any, sent_at: Any) -> Message:
    """The message as its type has it. Raises `InvalidRequestError`."""
    kind = validate_item(Typed, raw).type
    size = len(to_json(raw))
    if size > MOST_BYTES:
        raise InvalidRequestError.of("message", f"{size} bytes of JSON; wanted at most {MOST_BYTES}")
    message = validate_item(MODELS[kind], {"sentAt": sent_at, **raw})
    if message.userId is None and message.anonymousId is None:
        raise InvalidRequestError.of("userId", "found neither userId nor anonymousId")
    return message


def _content(raw: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """What is kept of the message beside its ids, name and time."""
    kept = {name: raw[name] for name in _CONTENT if raw.get(name)}
    return {**kept, "traits": dict(message.traits)} if isinstance(message, Identify) else kept


def _read_ids(message: Message) -> tuple[str | None, str | None]:
    """The anonymous id and the name, where the type has them."""
    match message:
        case Alias(previousId=previous):
            return previous, None
        case Track(event=name) | Page(name=name) | Group(groupId=name):
            return message.anonymousId, name
    return message.anonymousId, None


def _readable(raw: Mapping[str, Any], field: str) -> str | None:
    try:
        return _IDENTIFIER.validate_python(raw.get(field), strict=True)
    except ValidationError:
        return None


def _plain(text: str) -> str:
    """The text without what a terminal or a database would stumble over."""
    return "".join(each if each.isprintable() else "�" for each in text)
