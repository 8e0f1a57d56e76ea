"""What a reader must be told of a decision log, in words."""

from __future__ import annotations

from typing import Final

from training.evaluation.log_summary import LogSummary

_UNITS: Final = {"click": "clicks", "net_value": "thousands of the shop's currency"}


def decision_log_notes(log: LogSummary) -> tuple[str, ...]:
    """What the rounds are of, which decisions are not among them, and what the value means."""
    journeys = [f"{journey} {n:,}" for (journey, _), n in sorted(log.n_by_journey.items())]
    units = sorted({_UNITS.get(kind, kind) for _, kind in log.n_by_journey})
    notes = [f"rounds by journey: {', '.join(journeys)}; rewards in {' and in '.join(units)}"]
    if len(units) > 1:
        notes.append("rewards of different units are mixed: name one JOURNEY")
    if log.delay is not None:
        notes.append(
            f"half of {log.delay.n_outcomes:,} clicks and purchases came within {log.delay.median_hours:.1f} h, 95% within "
            f"{log.delay.late_hours:.1f} h"
        )
    if log.n_left_out:
        counts = [f"{n:,} {reason}" for reason, n in sorted(log.n_left_out.items())]
        notes.append(f"decisions left out: {', '.join(counts)}")
    notes.append(
        "the value is per delivered decision, the choices around this one staying as they were logged"
    )
    return tuple(notes)
