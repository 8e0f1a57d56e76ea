"""Runs, commands and signals as JSON texts, for what outlives the process."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from journeys.command import Command, Decide, Finish, Send, Suggest, WaitUntil, Withdraw
from journeys.run import Run
from journeys.signal import Decided, Due, Event, Sent, Signal, Suggested

_RUN = TypeAdapter(Run)
_KINDS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (WaitUntil, Decide, Suggest, Send, Withdraw, Finish, Event, Due, Decided, Suggested, Sent)
}


def write_run(run: Run) -> str:
    """The run as JSON."""
    return _RUN.dump_json(run).decode()


def read_run(text: str) -> Run:
    """The run that `write_run` wrote."""
    return _RUN.validate_json(text)


def write(value: Command | Signal) -> str:
    """A command or a signal as JSON, with its kind."""
    kind = type(value).__name__
    return json.dumps({"kind": kind, "value": _KINDS[kind].dump_python(value, mode="json")})


def read(text: str) -> Any:
    """The command or signal that `write` wrote."""
    found = json.loads(text)
    return _KINDS[found["kind"]].validate_python(found["value"])
