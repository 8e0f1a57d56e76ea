"""A policy by name on a file of rounds that is not ours: `file:PATH`, judged in two passes and bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from models.feedback import Floats, LoggedFeedback
from training.evaluation.errors import LogError, PolicyError
from training.evaluation.evaluation import Evaluation, uniform_probabilities
from training.evaluation.policy_source import policy_probabilities, saved_policy
from training.evaluation.round_file import RoundColumns, RoundFile
from training.evaluation.stream import PolicyOfRounds, evaluate_stream

PREFIX: Final = "file:"
_ALWAYS: Final = "always:"
_OURS: Final = ("action", "reward", "propensity")


def round_columns(pairs: Sequence[str], inputs: Sequence[str], propensity: float | None) -> RoundColumns:
    """The columns from OURS=THEIRS pairs, the inputs' names and one propensity for all rounds, if there is one.

    Raises: `LogError` for a pair of another form.
    """
    named: dict[str, str] = {}
    for pair in pairs:
        ours, found, theirs = pair.partition("=")
        if not found or ours not in _OURS or not theirs:
            raise LogError(f"column {pair!r}; wanted OURS=THEIRS with OURS one of {_OURS}")
        named[ours] = theirs
    return RoundColumns(
        action=named.get("action", "action"),
        reward=named.get("reward", "reward"),
        propensity=named.get("propensity", "propensity") if propensity is None else propensity,
        inputs=tuple(inputs),
    )


def evaluate_file(
    path: Path, columns: RoundColumns, policy: str, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of `uniform`, `always:ACTION` or the policy saved in a folder. Raises: `LogError`, `PolicyError`."""
    file = RoundFile.open(path, columns)
    return evaluate_stream(file, _policy(policy, file.action_names), rng, level)


def _policy(name: str, action_names: tuple[str, ...]) -> PolicyOfRounds:
    if name == "uniform":
        return uniform_probabilities
    if name.startswith(_ALWAYS):
        action = name.removeprefix(_ALWAYS)
        if action not in action_names:
            raise PolicyError(f"no action {action!r} in the log; it has {list(action_names)}")
        one = np.eye(len(action_names))[action_names.index(action)]
        return lambda feedback: np.tile(one, (feedback.n_rounds, 1))
    if Path(name).is_dir():
        saved = saved_policy(Path(name))

        def probabilities(feedback: LoggedFeedback) -> Floats:
            return policy_probabilities(saved, feedback)

        return probabilities
    raise PolicyError(f"no policy {name!r}; wanted uniform, always:ACTION or the folder of a saved one")
