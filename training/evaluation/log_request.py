"""Which log is to be opened to judge by, of whatever kind, and the opening of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import LogError
from training.evaluation.file_source import PREFIX, open_file
from training.evaluation.log_chunk import LogChunk
from training.evaluation.log_notes import decision_log_notes
from training.evaluation.log_source import DECISIONS, in_memory, open_log
from training.evaluation.log_store import spool_decision_log
from training.evaluation.opened_log import OpenedLog
from training.evaluation.policy_source import (
    REGISTERED,
    RegisteredPolicy,
    policy_probabilities,
    registered_policy,
)
from training.evaluation.round_file import RoundColumns
from training.places import Places


@dataclass(frozen=True, kw_only=True)
class LogRequest:
    """A log's name, `KIND:REST`, and what some kinds want beside it.

    database_url: decisions; columns: file; since: decisions, only the rounds decided from then on. judged: the names of the
    policies to be judged, which for those of the registry leaves out the rounds that they were fitted on.
    """

    name: str
    judged: tuple[str, ...] = ()
    database_url: str = ""
    columns: RoundColumns = field(default_factory=RoundColumns)
    since: datetime | None = None


@contextmanager
def open_requested(request: LogRequest, places: Places, rng: np.random.Generator) -> Iterator[OpenedLog]:
    """The log, as long as the block lasts; the generator is that of its simulated policies.

    Decisions are parsed into files of a temporary folder in `places.var`: eight bytes a number, about 1 kB a round.

    Raises: `LogError` naming the kinds there are; `TooFewRoundsError`.
    """
    if request.name.startswith(PREFIX):
        if request.since is not None:
            raise LogError(
                "a file does not say when its rounds were decided; wanted a log with decision times"
            )
        yield open_file(Path(request.name.removeprefix(PREFIX)), request.columns)
        return
    kind, _, rest = request.name.partition(":")
    if kind == DECISIONS:
        where = places.var if places.var.is_dir() else None
        with TemporaryDirectory(dir=where, prefix="rounds-") as folder:
            yield _spooled(rest, request, places, Path(folder))
        return
    yield in_memory(open_log(request.name, places, request.database_url, request.since), rng)


def _spooled(rest: str, request: LogRequest, places: Places, folder: Path) -> OpenedLog:
    journey, _, decision = rest.rpartition("/")
    url = request.database_url or places.log_url

    @cache
    def registered(alias: str) -> RegisteredPolicy:
        return registered_policy(places.registry_uri, decision, alias)

    fitted = [registered(name).learned_until for name in request.judged if name in REGISTERED]
    since = max((each for each in (request.since, *fitted) if each is not None), default=None)
    log = spool_decision_log(url, decision, folder, journey or None, since)
    notes = decision_log_notes(log)
    if since is not None:
        why = "" if since == request.since else ": what was decided before taught a policy that is judged"
        notes = (f"only decisions since {since.isoformat()}{why}", *notes)

    def probabilities(alias: str, chunk: LogChunk) -> Floats:
        return policy_probabilities(registered(alias).policy, chunk.feedback)

    return OpenedLog(
        source=log,
        notes=notes,
        policies={alias: partial(probabilities, alias) for alias in REGISTERED},
        undelivered=log.undelivered,
        faults=log.faults,
    )
