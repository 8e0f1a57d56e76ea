"""Evaluation policies that are artifacts: a saved one in a folder, the champion in the registry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.artifact import ARRAYS, MANIFEST, Artifact, ArtifactError
from models.catalogue import load_policy
from models.feedback import Floats, LoggedFeedback
from models.inputs import bind
from models.policy import Policy
from training.evaluation.errors import PolicyError


def saved_policy(folder: Path) -> Policy:
    """The policy whose manifest and arrays lie in the folder. Raises: `PolicyError`."""
    files = {name: (folder / name).read_bytes() for name in (MANIFEST, ARRAYS) if (folder / name).is_file()}
    try:
        return load_policy(Artifact.from_files(files))
    except ArtifactError as error:
        raise PolicyError(f"{folder} holds no policy: {error}") from error


def champion_policy(tracking_uri: str, decision: str) -> Policy:
    """The decision's champion in a model registry, as registered: before anything learnt from the log.

    The snapshots that the service decides by went on learning from the very rounds of the log; judged on those, they would
    be flattered. Raises: `PolicyError`.
    """
    scheme, _, file = tracking_uri.partition(":///")
    if scheme == "sqlite" and not Path(file).is_file():  # MLflow would make one
        raise PolicyError(f"no registry at {file}: no policy was registered here")
    from training.champion import NoChampionError, read_champion  # imports MLflow and LightGBM: seconds

    try:
        return load_policy(read_champion(tracking_uri, f"{decision}_policy"))
    except (NoChampionError, ArtifactError) as error:
        raise PolicyError(f"no champion for {decision}: {error}") from error


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
