"""Which log is to be opened to judge by, of whatever kind, and the opening of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from training.evaluation.errors import LogError
from training.evaluation.file_source import PREFIX, open_file
from training.evaluation.log_source import in_memory, open_log
from training.evaluation.opened_log import OpenedLog
from training.evaluation.round_file import RoundColumns
from training.places import Places


@dataclass(frozen=True, kw_only=True)
class LogRequest:
    """A log's name, `KIND:REST`, and what some kinds want beside it.

    database_url: decisions; columns: file; since: decisions, only the rounds decided from then on.
    """

    name: str
    database_url: str = ""
    columns: RoundColumns = field(default_factory=RoundColumns)
    since: datetime | None = None


@contextmanager
def open_requested(request: LogRequest, places: Places, rng: np.random.Generator) -> Iterator[OpenedLog]:
    """The log, as long as the block lasts; the generator is that of its simulated policies.

    Raises: `LogError` naming the kinds there are; `TooFewRoundsError`.
    """
    if request.name.startswith(PREFIX):
        if request.since is not None:
            raise LogError(
                "a file does not say when its rounds were decided; wanted a log with decision times"
            )
        yield open_file(Path(request.name.removeprefix(PREFIX)), request.columns)
        return
    yield in_memory(open_log(request.name, places, request.database_url, request.since), rng)
