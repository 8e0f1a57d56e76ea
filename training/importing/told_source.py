"""An event log wherever it is kept, the service's database or its export to Parquet, and its parts of whole customers."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, Protocol

from features.told import ToldEvent, ToldTrait

AT_ONCE: Final = 20_000
"""Events and traits in memory at a time, and those of one more customer."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ToldSource(Protocol):
    """An event log that is open for reading."""

    @property
    def name(self) -> str:
        """What a manifest calls it, without a password."""
        ...

    @property
    def until(self) -> datetime:
        """Every message received before it is in it, and no other is read."""
        ...

    def events(self) -> Iterator[ToldEvent]:
        """What was told of customers, by their ids."""
        ...

    def traits(self) -> Iterator[ToldTrait]:
        """The latest that was told of each trait, by the customers' ids."""
        ...

    def count_nobodys(self) -> int:
        """Messages of somebody who is not known yet, which are nobody's events."""
        ...


@dataclass(frozen=True)
class ToldPart:
    """Everything that was told of some customers."""

    events: list[ToldEvent] = field(default_factory=list)
    traits: list[ToldTrait] = field(default_factory=list)


def parts_of(source: ToldSource, at_once: int = AT_ONCE) -> Iterator[ToldPart]:
    """The log in parts of about so many events and traits, each customer's whole in one."""
    part = ToldPart()
    for _, told in groupby(_by_customer(source.events(), source.traits()), lambda each: each.customer_id):
        for each in told:
            if isinstance(each, ToldEvent):
                part.events.append(each)
            else:
                part.traits.append(each)
        if len(part.events) + len(part.traits) >= at_once:
            yield part
            part = ToldPart()
    yield part


def _by_customer(events: Iterable[ToldEvent], traits: Iterable[ToldTrait]) -> Iterator[ToldEvent | ToldTrait]:
    told: tuple[Iterable[ToldEvent | ToldTrait], ...] = (events, traits)
    return heapq.merge(*told, key=lambda each: each.customer_id)


def told_event(row: Any) -> ToldEvent:
    """A row of the log as what was told; times in microseconds since 1970 UTC, the customer's id is that of its `owner`."""
    properties = json.loads(row["content"]).get("properties", {}) if row["type"] == "track" else {}
    return ToldEvent(
        message_id=row["message_id"],
        customer_id=row["owner"],
        type=row["type"],
        name=row["name"],
        occurred_at=_moment(row["occurred_at"]),
        received_at=_moment(row["received_at"]),
        properties=properties,
    )


def told_trait(row: Any) -> ToldTrait:
    """A trait's row of the log as what was told."""
    return ToldTrait(
        customer_id=row["customer_id"],
        name=row["name"],
        value=json.loads(row["value"]),
        told_at=_moment(row["told_at"]),
    )


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
