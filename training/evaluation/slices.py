"""Named parts of a log: the rounds where an input lies above or below a bound."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Final

from models.feedback import Booleans, LoggedFeedback
from training.evaluation.errors import EvaluationError

_FORM: Final = re.compile(r"\s*(\w+)\s*(>=|<=|>|<|=)\s*(-?[\d.]+(?:e-?\d+)?)\s*")
_COMPARE: Final = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def cut_slices(feedback: LoggedFeedback, names: Iterable[str]) -> dict[str, Booleans]:
    """Which rounds each slice holds, `(n_rounds,)`, by name; a name is a condition such as `churn_risk>=0.5`.

    An unknown (nan) input is in no slice. Raises: `EvaluationError` for a name of another form or an input not in the log.
    """
    return {name: _cut(feedback, name) for name in names}


def _cut(feedback: LoggedFeedback, name: str) -> Booleans:
    found = _FORM.fullmatch(name)
    if found is None:
        raise EvaluationError(f"slice {name!r}; wanted INPUT>=NUMBER, or with <=, >, < or =")
    column, comparison, bound = found.groups()
    if column not in feedback.input_names:
        raise EvaluationError(
            f"slice {name!r}: the log has no input {column}; it has {list(feedback.input_names)}"
        )
    values = feedback.contexts[:, feedback.input_names.index(column)]
    chosen: Booleans = _COMPARE[comparison](values, float(bound))
    return chosen
