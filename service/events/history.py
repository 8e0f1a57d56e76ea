"""Taking in history: a file of messages, one a line, in commits of a thousand that a run which was cut off goes on after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic_core import from_json
from sqlalchemy import Engine

from service.events.intake import read_planned
from service.events.message import Arrival
from service.events.plan import TrackingPlan
from service.events.told import Aside, Told
from service.store.event_log import record_events

AT_ONCE: Final = 1_000
_HEAD_BYTES: Final = 1_048_576


class HistoryError(ValueError):
    """A file that is not the one that an earlier run began with, or a message in it that does not say when it happened."""


@dataclass
class Progress:
    """How far a file is taken in: bytes and lines read, and what became of their messages.

    head, head_bytes: a digest of the file's first so many bytes, to tell it from another.
    """

    head: str
    head_bytes: int
    offset: int = 0
    lines: int = 0
    taken: int = 0
    known: int = 0
    kept_aside: int = 0


def read_history(
    engine: Engine, path: Path, note: Path, *, plan: TrackingPlan, clock: Callable[[], datetime]
) -> Iterator[Progress]:
    """How far it is after each commit, from where the note of an earlier run says; the note is written after the commit.

    A run that was cut off between the two takes a thousand lines again, which are known by then. A line that cannot be used
    is kept aside. A message without an id is known by its line and the line's number. `sentAt` is left out: what history
    says of time is taken as it stands.

    Raises: `HistoryError`, `OSError`.
    """
    with path.open("rb") as file:
        done = _begin(file, path, note)
        file.seek(done.offset)
        while lines := list(islice(file, AT_ONCE)):
            _take(engine, lines, done, plan, clock())
            _write(note, done)
            yield done


def _begin(file: BinaryIO, path: Path, note: Path) -> Progress:
    if not note.is_file():
        head = file.read(_HEAD_BYTES)
        return Progress(hashlib.sha256(head).hexdigest(), len(head))
    done = Progress(**json.loads(note.read_text(encoding="utf-8")))
    if hashlib.sha256(file.read(done.head_bytes)).hexdigest() != done.head:
        raise HistoryError(f"{path} is not the file that {note} speaks of; delete the note to begin anew")
    return done


def _take(
    engine: Engine, lines: list[bytes], done: Progress, plan: TrackingPlan, received_at: datetime
) -> None:
    read: list[Told | Aside] = []
    for line in lines:
        done.offset += len(line)
        done.lines += 1
        if line.strip():
            name = hashlib.sha256(b"%d %b" % (done.lines, line.strip())).hexdigest()[:32]
            own_id = partial(str, f"history-{name}")
            arrival = Arrival(received_at=received_at, sent_at=None, new_id=own_id)
            read.append(read_planned(_parsed(line, done.lines), arrival, plan))
    told = [each for each in read if isinstance(each, Told)]
    aside = [each for each in read if isinstance(each, Aside)]
    new = record_events(engine, told, aside, received_at=received_at)
    done.taken += len(new)
    done.known += len(told) - len(new)
    done.kept_aside += len(aside)


def _parsed(line: bytes, number: int) -> Any:
    """The line's JSON; a line that is none as the text it is, which is kept aside as no message. Raises `HistoryError`."""
    try:
        found = from_json(line, allow_inf_nan=False)
    except ValueError:
        return line.decode("utf-8", errors="replace")
    if not isinstance(found, dict):
        return found
    if not (found.get("timestamp") or found.get("originalTimestamp")):
        raise HistoryError(f"line {number} has no timestamp: history must say when it happened")
    return {name: value for name, value in found.items() if name != "sentAt"}


def _write(note: Path, done: Progress) -> None:
    """Replace the note whole, so that it is the old one or the new one."""
    note.parent.mkdir(parents=True, exist_ok=True)
    temporary = note.with_name(f".{note.name}.part")
    temporary.write_text(json.dumps(vars(done)), encoding="utf-8")
    temporary.replace(note)
