"""The name of a decision log, and the opening of what it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from training.evaluation.decision_source import DecisionSource, Selection
from training.evaluation.errors import LogError
from training.evaluation.log_export import LogExport
from training.evaluation.log_store import open_store
from training.evaluation.round_segments import RoundSegments

DATABASE: Final = "decisions"
EXPORT: Final = "parquet"
FORMS: Final = (
    "decisions:[JOURNEY/]{channel|send_time|coupon|message}",
    "parquet:DIR:[JOURNEY/]{channel|send_time|coupon|message}",
)


@dataclass(frozen=True, kw_only=True)
class DecisionLogName:
    """Which decision's rounds, of which journey (None: all), in the export in `folder` (None: in the service's database)."""

    decision: str
    journey: str | None
    folder: Path | None

    @classmethod
    def parse(cls, name: str, decision: str = "") -> DecisionLogName | None:
        """What is named, None where that is another kind of log; `decision`: the one meant where an export's name has none.

        Raises: `LogError` when no decision is named.
        """
        kind, _, rest = name.partition(":")
        if kind not in (DATABASE, EXPORT):
            return None
        folder, what = ("", rest) if kind == DATABASE else _split(rest)
        journey, _, named = what.rpartition("/")
        if not named and not decision:
            raise LogError(f"log {name!r} names no decision; wanted {FORMS[kind == EXPORT]}")
        return cls(
            decision=named or decision,
            journey=journey or None,
            folder=Path(folder) if kind == EXPORT else None,
        )

    def is_whole(self, decision: str) -> bool:
        """Whether it is of this decision, in all journeys."""
        return self.journey is None and self.decision == decision

    def selection(self, since: datetime | None = None, segments: RoundSegments | None = None) -> Selection:
        """The rounds that are named, of decisions made from `since` on, labelled by these segments."""
        return Selection(decision=self.decision, journey=self.journey, since=since, segments=segments)

    @contextmanager
    def open(self, database_url: str) -> Iterator[DecisionSource]:
        """The log, at this URL if it is no export. Raises: `LogError`."""
        if self.folder is not None:
            yield LogExport.open(self.folder)
            return
        with open_store(database_url) as store:
            yield store


def _split(rest: str) -> tuple[str, str]:
    """DIR and what of it, which may be left out."""
    if Path(rest).is_dir() or ":" not in rest:
        return rest, ""
    folder, _, what = rest.rpartition(":")
    return folder, what
