"""A message as the log takes it in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

JOINING: Final = frozenset({"identify", "alias"})
"""The types of message that say whose an anonymous id is."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A message that can be used.

    name: of a track event, a page or a screen; the id of a group. anonymous_id: of an alias the id that was used before.
    content: `properties` or `traits`, and `context`.
    """

    message_id: str
    customer_id: str | None
    anonymous_id: str | None
    type: str
    name: str | None
    occurred_at: datetime
    content: Mapping[str, Any]

    @property
    def joins(self) -> bool:
        """Whether it says whose an anonymous id is."""
        return self.type in JOINING and self.customer_id is not None and self.anonymous_id is not None

    @property
    def traits(self) -> Mapping[str, Any]:
        """What an identify says of the customer."""
        return self.content.get("traits", {}) if self.type == "identify" else {}


@dataclass(frozen=True, kw_only=True)
class Aside:
    """A message that cannot be used, with what is wrong; ids and name where they could be read.

    content: the message as it came, in the envelope it came with.
    """

    message_id: str
    customer_id: str | None
    anonymous_id: str | None
    name: str | None
    field: str
    fault: str
    content: Mapping[str, Any]


def to_json(value: Any) -> bytes:
    """Compact JSON in ASCII, which every database holds whatever is in it."""
    return json.dumps(value, separators=(",", ":")).encode()
