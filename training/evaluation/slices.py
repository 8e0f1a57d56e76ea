"""Named parts of a log: the rounds of one journey or group, or where an input lies above or below a bound."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Booleans, LoggedFeedback
from training.evaluation.errors import EvaluationError
from training.evaluation.log_chunk import RoundSource
from training.evaluation.round_labels import RoundLabels
from training.evaluation.round_segments import IN, PREFIX

_FORM: Final = re.compile(r"\s*((?:segment:)?\w+)\s*(>=|<=|>|<|=)\s*(.*\S)\s*")
_SEGMENT: Final = re.compile(rf"\s*({PREFIX}\w+)\s*")
_AND: Final = re.compile(r"\s+and\s+")
_COMPARE: Final = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The rounds for which all conditions hold: a label is a text (`journey=cart_reminder`), an input lies on one side of a
    number (`churn_risk>=0.5`), the customer belongs to a segment (`segment:champions`); several are joined by ` and `."""

    name: str
    conditions: tuple[_Condition, ...]

    @classmethod
    def parse(cls, name: str) -> Slice:
        """The slice of that name. Raises: `EvaluationError` for another form."""
        conditions = tuple(_Condition.parse(part) for part in _AND.split(name))
        return cls(name=str(conditions[0]) if _SEGMENT.fullmatch(name) else name, conditions=conditions)

    @classmethod
    def of_label(cls, label: str, text: str) -> Slice:
        """The rounds with that text as their label."""
        condition = _Condition(column=label, comparison="=", bound=text)
        return cls(name=str(condition), conditions=(condition,))

    def rounds(self, feedback: LoggedFeedback, labels: RoundLabels) -> Booleans:
        """Which rounds of a log, or of a chunk of one, it holds, `(n_rounds,)`; an unknown (nan) input is in no slice.

        Raises: `EvaluationError` for what is neither an input nor a label there.
        """
        chosen: Booleans = np.ones(feedback.n_rounds, dtype=np.bool_)
        for condition in self.conditions:
            chosen = chosen & condition.holds(feedback, labels)
        return chosen


@dataclass(frozen=True, kw_only=True)
class _Condition:
    column: str
    comparison: str
    bound: str

    @classmethod
    def parse(cls, text: str) -> _Condition:
        if belongs := _SEGMENT.fullmatch(text):
            return cls(column=belongs[1], comparison="=", bound=IN)
        found = _FORM.fullmatch(text)
        if found is None:
            raise EvaluationError(
                f"slice {text!r}; wanted INPUT>=NUMBER (or <=, >, <, =) or LABEL=TEXT or segment:NAME, joined by ' and '"
            )
        column, comparison, bound = found.groups()
        return cls(column=column, comparison=comparison, bound=bound)

    def holds(self, feedback: LoggedFeedback, labels: RoundLabels) -> Booleans:
        if self.column in labels.texts:
            if self.comparison != "=":
                raise EvaluationError(f"slice {self}: a label can only be compared by =")
            return np.asarray(labels.texts[self.column] == self.bound)
        if self.column not in feedback.input_names:
            known = [*labels.texts, *feedback.input_names]
            raise EvaluationError(
                f"slice {self}: the log has no input or label {self.column}; it has {known}"
            )
        values = feedback.contexts[:, feedback.input_names.index(self.column)]
        return np.asarray(_COMPARE[self.comparison](values, self._number()))

    def _number(self) -> float:
        try:
            return float(self.bound)
        except ValueError as error:
            raise EvaluationError(f"slice {self}: {self.bound!r} is no number") from error

    def __str__(self) -> str:
        return f"{self.column}{self.comparison}{self.bound}"


def segments_of(names: Iterable[str]) -> tuple[str, ...]:
    """The segments that slices of these names ask for, each once. Raises: `EvaluationError` for another form."""
    columns = [condition.column for name in names for condition in Slice.parse(name).conditions]
    return tuple(dict.fromkeys(each.removeprefix(PREFIX) for each in columns if each.startswith(PREFIX)))


def refuse_unmet(source: RoundSource, slices: Iterable[Slice]) -> None:
    """Raises: `EvaluationError` when one of these slices, none of which has a round, wants a text that its label never has:
    misspelt, it would be a slice that nothing can fail on."""
    wanted = [condition for each in slices for condition in each.conditions]
    if not wanted:
        return
    texts: dict[str, set[str]] = {}
    for chunk in source.chunks():
        for label, values in chunk.labels.texts.items():
            texts.setdefault(label, set()).update(np.unique(values).tolist())
    for condition in wanted:
        known = texts.get(condition.column)
        if known is not None and condition.bound not in known:
            raise EvaluationError(f"slice {condition}: no such round; there are {sorted(known)}")
