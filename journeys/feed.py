"""Events as lines of Segment's messages, the form that docs/events.md has for history."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from journeys.signal import Event
from journeys.store import Store

AT_ONCE = 200
_log = logging.getLogger(__name__)
_Text = Annotated[str, Field(min_length=1, max_length=128)]


class Line(BaseModel):
    """A message; kinds but `track` and `identify` mean nothing here."""

    model_config = ConfigDict(alias_generator=to_camel)

    type: str
    timestamp: AwareDatetime
    message_id: _Text | None = None
    user_id: _Text | None = None


class Track(Line):
    """Something that happened."""

    type: Literal["track"]
    event: _Text
    properties: dict[str, Any] = {}


class Identify(Line):
    """Something to know of a customer."""

    type: Literal["identify"]
    user_id: _Text
    traits: dict[str, Any] = {}


class Feed:
    """Reads a file that grows; a place in it is kept, so that each line is taken once, whenever the process ends."""

    def __init__(self, path: Path, store: Store, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._source = str(path.resolve())
        self._store = store
        self._clock = clock
        self._told = Counter[str]()

    def read(self) -> int:
        """Take the next lines, complete ones only; how many there were."""
        if not self._path.is_file():
            return 0
        start = offset = self._store.position(self._source)
        n_lines = 0
        with self._path.open("rb") as lines:
            lines.seek(start)
            for line in lines:
                if not line.endswith(b"\n") or n_lines == AT_ONCE:
                    break
                take_line(self._store, line.strip(), f"{self._path} at byte {offset}", self._clock())
                offset, n_lines = offset + len(line), n_lines + 1
        if offset != start:
            self._store.move_on(self._source, offset)
        if n_lines < AT_ONCE:
            self._tell_of_old_ones()
        return n_lines

    def _tell_of_old_ones(self) -> None:
        """Say at the end of the file how many events came too late; of a long import, once."""
        for journey, n_events in sorted((self._store.too_old - self._told).items()):
            _log.warning("%s: %d events were too old to begin a run", journey, n_events)
        self._told = self._store.too_old.copy()


def take_line(store: Store, line: bytes, origin: str, now: datetime) -> None:
    """Take one message; one that cannot be used is logged with its place and left out."""
    if not line:
        return
    try:
        kind = Line.model_validate_json(line).type
        if kind == "track":
            track = Track.model_validate_json(line)
            store.take(track.message_id or hashlib.sha256(line).hexdigest(), _event(track), now)
        elif kind == "identify":
            told = Identify.model_validate_json(line)
            store.tell_traits(told.user_id, told.traits)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        _log.error("%s: left out: %s", origin, faults)


def _event(track: Track) -> Event:
    at: datetime = track.timestamp
    return Event(name=track.event, at=at, customer_id=track.user_id, properties=track.properties)
