"""Which log is to be opened to judge by, of whatever kind, and the opening of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from models.feedback import Floats
from training.evaluation.decision_source import spool_decisions
from training.evaluation.errors import LogError
from training.evaluation.file_source import PREFIX as FILE
from training.evaluation.file_source import open_file
from training.evaluation.log_chunk import LogChunk
from training.evaluation.log_name import FORMS, DecisionLogName
from training.evaluation.log_notes import decision_log_notes
from training.evaluation.opened_log import OpenedLog
from training.evaluation.policy_source import (
    REGISTERED,
    RegisteredPolicy,
    policy_probabilities,
    registered_policy,
)
from training.evaluation.round_file import RoundColumns
from training.evaluation.round_segments import RoundSegments
from training.evaluation.round_spool import SpooledLog
from training.places import Places

_OPEN_BANDIT: Final = "open-bandit:"
_FORMS: Final = (*FORMS, f"{_OPEN_BANDIT}{{random|bts}}/{{all|men|women}}", f"{FILE}PATH")


@dataclass(frozen=True, kw_only=True)
class LogRequest:
    """A log's name, `KIND:REST`, and what some kinds want beside it.

    decision: of an export whose name has none. database_url: of decisions; by default in the folder of `places`. columns: of
    a file. since: only the rounds decided from then on. judged: the names of the policies to be judged, which for those of
    the registry leaves out the rounds that they were fitted on. segments: of decisions, what their rounds are labelled by.
    """

    name: str
    decision: str = ""
    judged: tuple[str, ...] = ()
    database_url: str = ""
    columns: RoundColumns = field(default_factory=RoundColumns)
    since: datetime | None = None
    segments: RoundSegments | None = None


@contextmanager
def open_requested(request: LogRequest, places: Places, rng: np.random.Generator) -> Iterator[OpenedLog]:
    """The log, as long as the block lasts; the generator is that of its simulated policies.

    Raises: `LogError` naming the kinds there are; `TooFewRoundsError`.
    """
    named = DecisionLogName.parse(request.name, request.decision)
    if named is not None:
        with _open_decisions(named, request, places) as log:
            yield log
        return
    log = _open_foreign(request, places, rng)
    yield log if request.since is None else log.since(request.since)


@contextmanager
def spooled(
    named: DecisionLogName,
    places: Places,
    database_url: str = "",
    since: datetime | None = None,
    segments: RoundSegments | None = None,
) -> Iterator[SpooledLog]:
    """The decision log, parsed into files of a temporary folder in `places.var`: eight bytes a number, about 1 kB a round.

    Raises: `LogError`, `TooFewRoundsError`.
    """
    where = places.var if places.var.is_dir() else None
    with TemporaryDirectory(dir=where, prefix="rounds-") as folder:
        with named.open(database_url or places.log_url) as source:
            log = spool_decisions(source, named.selection(since, segments), Path(folder))
        yield log


@contextmanager
def _open_decisions(named: DecisionLogName, request: LogRequest, places: Places) -> Iterator[OpenedLog]:
    @cache
    def registered(alias: str) -> RegisteredPolicy:
        return registered_policy(places.registry_uri, named.decision, alias)

    def probabilities(alias: str, chunk: LogChunk) -> Floats:
        return policy_probabilities(registered(alias).policy, chunk.feedback)

    fitted = [registered(name).learned_until for name in request.judged if name in REGISTERED]
    since = max((each for each in (request.since, *fitted) if each is not None), default=None)
    with spooled(named, places, request.database_url, since, request.segments) as log:
        notes = decision_log_notes(log)
        if since is not None:
            why = "" if since == request.since else ": what was decided before taught a policy that is judged"
            notes = (f"only decisions since {since.isoformat()}{why}", *notes)
        yield OpenedLog(
            source=log.rounds,
            notes=notes,
            policies={alias: partial(probabilities, alias) for alias in REGISTERED},
            undelivered=log.undelivered,
            faults=log.faults,
        )


def _open_foreign(request: LogRequest, places: Places, rng: np.random.Generator) -> OpenedLog:
    name = request.name
    if name.startswith(FILE):
        return open_file(Path(name.removeprefix(FILE)), request.columns)
    if name.startswith(_OPEN_BANDIT):
        from training.evaluation.open_bandit_source import open_sample  # imports pandas

        return open_sample(name.removeprefix(_OPEN_BANDIT), places.var, rng)
    raise LogError(f"no log {name!r}; wanted one of {', '.join(_FORMS)}")
