"""Reasons that a machine can act on: what each rule compares, what it allows, what was found, and when that changes."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from service.point_decisions import DecisionName
from service.schemas import Measure, Reason, Unit

UNITS: Final[dict[str, Unit]] = {
    "audience": "flag",
    "journey": "actions",
    "clock": "actions",
    "request_eligible": "actions",
    "request_excluded": "actions",
    "request_force": "actions",
    "business_as_usual": "actions",
    "timeout": "actions",
    "consent": "flag",
    "reachability": "flag",
    "sms_blacklist": "flag",
    "cap": "messages",
    "minimum_gap": "hours",
    "quiet_hours": "moment",
    "deadline": "moment",
    "coupon_life": "minutes",
    "budget": "money",
    "drawn_already": "draws",
    "time_zone": "zones",
}
"""Every rule that a reason may carry, and what its limit and current value are; `cap` stands for each `cap:NAME`."""


class Found(NamedTuple):
    """What a rule allows, what was found against it (None: it is not known), and when it will allow it again.

    `frees_at` is None where time alone frees nothing. `features`: those of the customer that it read, if any.
    """

    limit: Measure
    current: Measure | None
    frees_at: datetime | None = None
    features: tuple[str, ...] = ()


def give_reason(
    rule: str,
    detail: str,
    found: Found,
    *,
    decision: DecisionName | None = None,
    actions: tuple[str, ...] = (),
) -> Reason:
    """The reason of a rule, in its unit. Raises: `KeyError` for a rule without one."""
    unit = UNITS[rule.partition(":")[0]]
    return Reason(
        rule=rule,
        decision=decision,
        actions=actions,
        detail=detail,
        unit=unit,
        limit=_number(found.limit),
        current=None if found.current is None else _number(found.current),
        frees_at=found.frees_at,
        features=found.features,
    )


def _number(value: Measure) -> Measure:
    """A count as the number that it is over the wire; anything else as it is."""
    return float(value) if type(value) is int else value
