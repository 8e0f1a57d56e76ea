"""A rule over two inputs as data: what a marketer would write down, and what a learning policy has to beat."""

from __future__ import annotations

from typing import Self

import numpy as np

from models.artifact import Artifact
from models.feedback import Booleans, Floats, Integers
from models.stateless import StatelessPolicy


class FixedRule(StatelessPolicy):
    """Chooses the action in the table's cell that two inputs fall into; learns nothing.

    A wheel that sizes its coupon by the customer's value and by how likely they are to buy anyway is such a rule:

    >>> wheel = FixedRule(
    ...     action_names=("none", "10000", "50000"),
    ...     input_names=("expected_value", "purchase_propensity"),
    ...     thresholds=((100.0,), (0.3, 0.7)),
    ...     table=(("10000", "10000", "none"), ("50000", "10000", "none")),
    ...     floor=0.0,
    ... )
    >>> wheel.probabilities(np.array([250.0, 0.1]), np.array([True, True, True])).tolist()
    [0.0, 0.0, 1.0]

    thresholds: increasing, one tuple an input; a value at a threshold falls above it, an unknown one below all. table: a row
    for each band of the first input, in it an action for each band of the second. Where the cell's action is not eligible,
    the nearest eligible one in the order of `action_names` stands in, the earlier of two as near. Every eligible action
    keeps the `floor`, so that other policies can be judged from the rule's log.

    Raises: `ValueError` unless there are two inputs, thresholds increase and the table has the shape that they ask for and
    names actions that there are.
    """

    kind = "fixed_rule"

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        thresholds: tuple[tuple[float, ...], ...],
        table: tuple[tuple[str, ...], ...],
        floor: float = 0.02,
    ) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        if len(input_names) != 2 or len(thresholds) != 2:
            raise ValueError(f"a rule has two inputs with thresholds; found {input_names} and {thresholds}")
        if any(not np.all(np.diff(cuts) > 0) for cuts in thresholds):
            raise ValueError(f"thresholds are {thresholds}; wanted increasing ones")
        shape = (len(thresholds[0]) + 1, len(thresholds[1]) + 1)
        if len(table) != shape[0] or {len(row) for row in table} != {shape[1]}:
            raise ValueError(f"the table is {table}; wanted {shape[0]} rows of {shape[1]} actions")
        unknown = sorted({action for row in table for action in row} - set(action_names))
        if unknown:
            raise ValueError(f"the table names {unknown}; there are {list(action_names)}")
        self.thresholds = thresholds
        self.table = table
        self._actions = np.array([[action_names.index(action) for action in row] for row in table])

    def rule(self, contexts: Floats) -> Integers:
        """The action of each round's cell, `(n_rounds,)`, eligible or not."""
        bands = [
            np.searchsorted(cuts, np.where(np.isnan(column), -np.inf, column), side="right")
            for cuts, column in zip(self.thresholds, contexts.T, strict=True)
        ]
        return np.asarray(self._actions[bands[0], bands[1]])

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return np.asarray(self._distributions(context[None], eligible[None])[0])

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        distance = np.abs(np.arange(self.n_actions) - self.rule(contexts)[:, None])
        nearest = np.argmin(np.where(eligible, distance, self.n_actions), axis=1)
        return np.asarray(np.eye(self.n_actions)[nearest])

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, floor, thresholds and table."""
        return Artifact(
            {
                **self._manifest(),
                "thresholds": [list(cuts) for cuts in self.thresholds],
                "table": [list(row) for row in self.table],
            }
        )

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest = artifact.manifest
        return cls(
            **cls._named_in(manifest),
            thresholds=tuple(tuple(cuts) for cuts in manifest["thresholds"]),
            table=tuple(tuple(row) for row in manifest["table"]),
        )
