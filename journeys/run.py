"""The state of one customer in one journey."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from journeys.signal import Decision

_NAMES = uuid.UUID("5f0a6d4e-1c5f-5b8e-9d54-3f3f0a0f6b11")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One customer's way through one journey, about one thing.

    key: what it is about (a cart, a product), empty where the journey has no key; now: the latest moment that it has seen;
    meant_at: the moment that what it does now was meant for, however late it began (None in runs of earlier versions);
    visit: how many steps have begun; due_at: what it waits for, if it waits for a moment; action: the command that it waits
    for, if it does; begun: when each step last began; happened: checks whose event came; ended: why it is over.
    """

    journey: str
    customer_id: str
    key: str
    entered_at: datetime
    now: datetime
    step: str
    meant_at: datetime | None = None
    visit: int = 0
    due_at: datetime | None = None
    action: str | None = None
    begun: Mapping[str, datetime] = field(default_factory=dict)
    happened: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    price: int | None = None
    suggestions: tuple[str, ...] = ()
    decision: Decision | None = None
    ended: str | None = None

    @property
    def actions(self) -> list[str]:
        """Whatever its commands may be named: after itself and the step that wants it, by number."""
        return [f"{self.id}/{visit}" for visit in range(1, self.visit + 1)]

    @property
    def id(self) -> str:
        """A name that no other run has."""
        return str(
            uuid.uuid5(_NAMES, repr((self.journey, self.customer_id, self.key, self.entered_at.isoformat())))
        )
