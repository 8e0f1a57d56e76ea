"""Decisions as measures want them, read from the Parquet files that the service exported its log to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from training.evaluation.log_export import LogExport
from training.evaluation.round_labels import microseconds
from training.measures.logged_decision import LoggedDecision, SentMessage, Window, went_out

_DECISION: Final = (
    *("decision_id", "customer_id", "journey", "group", "status", "decided_at", "effective_at"),
    *("time_zone", "channel", "activate", "activated_at"),
)
_OUTCOME: Final = ("decision_id", "kind", "value")
Told = dict[str, tuple[int, float]]


def read_exported_decisions(export: LogExport, window: Window) -> list[LoggedDecision]:
    """Those of the window, by day and id. Raises: `LogError`, also where an earlier release exported the files."""
    return [each for day in export.days for each in _of_day(export, day, window)]


def _of_day(export: LogExport, day: str, window: Window) -> Iterator[LoggedDecision]:
    told = _outcomes(export, day)
    for batch in export.batches("decisions", day, _DECISION):
        for row in batch.to_pylist():
            decided_at_us = microseconds(row["decided_at"])
            if window.begins_us <= decided_at_us < window.ends_us:
                yield LoggedDecision(
                    decision_id=row["decision_id"],
                    decided_at_us=decided_at_us,
                    journey=row["journey"],
                    group=row["group"],
                    customer=row["customer_id"],
                    message=_message(row),
                    told=told.get(row["decision_id"], {}),
                )


def _outcomes(export: LogExport, day: str) -> dict[str, Told]:
    """Outcomes lie with the day of their decision."""
    found: dict[str, Told] = {}
    for batch in export.batches("outcomes", day, _OUTCOME):
        for row in batch.to_pylist():
            mine = found.setdefault(row["decision_id"], {})
            number, total = mine.get(row["kind"], (0, 0.0))
            mine[row["kind"]] = (number + 1, total + row["value"])
    return found


def _message(row: Mapping[str, Any]) -> SentMessage | None:
    was_activated = row["activated_at"] is not None
    if row["channel"] is None or not went_out(row["status"], row["activate"], was_activated=was_activated):
        return None
    return SentMessage(
        channel=row["channel"],
        time_zone=row["time_zone"],
        effective_at_us=microseconds(row["effective_at"]),
    )
