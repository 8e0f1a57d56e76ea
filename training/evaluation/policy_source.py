"""Evaluation policies that are artifacts: a saved one in a folder, champion and challenger in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from models.artifact import ARRAYS, MANIFEST, Artifact, ArtifactError
from models.boosted_square_cb import MODEL as TREES
from models.catalogue import load_policy
from models.feedback import Floats, LoggedFeedback
from models.inputs import bind
from models.policy import Policy
from training.evaluation.errors import PolicyError

POLICY_FILES: Final = (MANIFEST, ARRAYS, TREES)
REGISTERED: Final = ("champion", "challenger")
"""Aliases that name a policy of the registry."""


def saved_policy(folder: Path) -> Policy:
    """The policy whose files lie in the folder. Raises: `PolicyError`."""
    files = {name: (folder / name).read_bytes() for name in POLICY_FILES if (folder / name).is_file()}
    try:
        return load_policy(Artifact.from_files(files))
    except ArtifactError as error:
        raise PolicyError(f"{folder} holds no policy: {error}") from error


@dataclass(frozen=True)
class RegisteredPolicy:
    """A policy as registered, before anything learnt from the log since; rounds decided before `learned_until` taught it.

    The snapshots that the service decides by went on learning from the very rounds of the log; judged on those, they would
    be flattered, as a fitted policy would be on the rounds that it was fitted on.
    """

    policy: Policy
    learned_until: datetime | None


def registered_policy(tracking_uri: str, decision: str, alias: str) -> RegisteredPolicy:
    """The policy of a decision that the alias in a model registry points to. Raises: `PolicyError`."""
    scheme, _, file = tracking_uri.partition(":///")
    if scheme == "sqlite" and not Path(file).is_file():  # MLflow would make one
        raise PolicyError(f"no registry at {file}: no policy was registered here")
    from training.champion import NoChampionError, read_champion  # imports MLflow and LightGBM: seconds

    try:
        artifact = read_champion(tracking_uri, f"{decision}_policy", alias)
        until = artifact.manifest.get("learned_until")
        return RegisteredPolicy(load_policy(artifact), datetime.fromisoformat(until) if until else None)
    except (NoChampionError, ArtifactError) as error:
        raise PolicyError(f"no {alias} for {decision}: {error}") from error


def policy_probabilities(policy: Policy, feedback: LoggedFeedback) -> Floats:
    """The policy's probabilities on the rounds, `(n_rounds, n_actions)`, its inputs found by name.

    Raises: `PolicyError` when it has other actions than the log or wants inputs that the log does not hold.
    """
    if policy.action_names != feedback.action_names:
        raise PolicyError(
            f"the policy chooses among {list(policy.action_names)}, the log among {list(feedback.action_names)}"
        )
    try:
        places = bind(policy.input_names, feedback.input_names)
    except ValueError as error:
        raise PolicyError(f"{error}; the log holds {list(feedback.input_names)}") from error
    return np.asarray(policy.probabilities_many(feedback.contexts[:, places], feedback.eligible))
