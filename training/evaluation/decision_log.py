"""Our own decision log as logged feedback: from one record a decision.

A record is a mapping with these keys, whatever it was read from:

| key          | type                       | meaning |
|--------------|----------------------------|---------|
| decision_id  | str                        | names the record in errors |
| group        | str                        | decisioning, random, business_as_usual or holdout |
| context      | mapping name → number/None | the policy's raw inputs at decision time; None where unknown |
| action       | str                        | what was chosen |
| propensity   | number in (0, 1]           | the acting policy's probability of that action, after masking |
| eligible     | sequence of str            | the actions the constraints left |
| reward       | number or None             | from the outcomes; None while they may still come |

One log holds one decision (coupon, channel or send time), so that the actions are of one kind and the propensity is that
decision's own, not the joint one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.feedback import FeedbackError, LoggedFeedback
from training.evaluation.errors import LogError, TooFewRoundsError

Record = Mapping[str, Any]

RECORD_KEYS = ("decision_id", "group", "context", "action", "propensity", "eligible", "reward")
RANDOMISED_GROUPS = frozenset({"decisioning", "random"})
"""Groups whose action was drawn with the logged propensity; the others' choice was not random, so they carry no overlap."""


@dataclass(frozen=True, kw_only=True)
class DecisionLog:
    """Resolved decisions of the randomised groups as feedback, and how many records were left out and why.

    Pending decisions are neither zeros nor dropped in silence: n_pending says how many have no reward yet. Leaving them out
    is right when resolving does not depend on the reward (a fixed window that has closed), biased when it does.
    """

    feedback: LoggedFeedback
    n_pending: int
    n_other_group: dict[str, int]


def read_records(
    records: Iterable[Record],
    *,
    input_names: tuple[str, ...],
    action_names: tuple[str, ...],
    groups: Collection[str] = RANDOMISED_GROUPS,
) -> DecisionLog:
    """The records as logged feedback, in their order.

    Raises: `LogError` naming the record and what is wrong with it; `TooFewRoundsError` when no resolved decision is left.
    """
    kept: list[Record] = []
    other: Counter[str] = Counter()
    n_pending = 0
    for record in records:
        _check_keys(record)
        if record["group"] not in groups:
            other[str(record["group"])] += 1
        elif record["reward"] is None:
            n_pending += 1
        else:
            kept.append(record)
    if not kept:
        left_out = f"{n_pending} pending, other groups {dict(other)}"
        raise TooFewRoundsError(f"no resolved decision of the groups {sorted(groups)} ({left_out})")
    feedback = _to_feedback(kept, input_names, action_names)
    return DecisionLog(feedback=feedback, n_pending=n_pending, n_other_group=dict(other))


def _check_keys(record: Record) -> None:
    missing = [key for key in RECORD_KEYS if key not in record]
    if missing:
        raise LogError(f"record {record.get('decision_id', '?')} lacks {missing}; found {sorted(record)}")


def _to_feedback(
    records: Sequence[Record], input_names: tuple[str, ...], action_names: tuple[str, ...]
) -> LoggedFeedback:
    index = {name: place for place, name in enumerate(action_names)}
    eligible = np.zeros((len(records), len(action_names)), dtype=np.bool_)
    contexts = np.empty((len(records), len(input_names)))
    for row, record in enumerate(records):
        eligible[row, [_place(record, index, action) for action in record["eligible"]]] = True
        contexts[row] = _context(record, input_names)
    try:
        return LoggedFeedback(
            contexts=contexts,
            actions=np.array([_place(record, index, record["action"]) for record in records], dtype=np.int64),
            rewards=np.array([_number(record, "reward", record["reward"]) for record in records]),
            propensities=np.array(
                [_number(record, "propensity", record["propensity"]) for record in records]
            ),
            eligible=eligible,
            input_names=input_names,
            action_names=action_names,
        )
    except FeedbackError as error:
        raise LogError(f"the decision log contradicts itself: {error}") from error


def _place(record: Record, index: Mapping[str, int], action: str) -> int:
    if action not in index:
        raise LogError(
            f"record {record['decision_id']} has the action {action!r}; wanted one of {list(index)}"
        )
    return index[action]


def _number(record: Record, key: str, value: object) -> float:
    if isinstance(value, int | float | np.number):
        return float(value)
    raise LogError(f"record {record['decision_id']} has {key} {value!r}; wanted a number")


def _context(record: Record, input_names: tuple[str, ...]) -> list[float]:
    context = record["context"]
    missing = [name for name in input_names if name not in context]
    if missing:
        raise LogError(
            f"record {record['decision_id']} lacks the inputs {missing[:5]} ({len(missing)} in all)"
        )
    return [
        float("nan") if context[name] is None else _number(record, name, context[name])
        for name in input_names
    ]
