"""obp (Open Bandit Pipeline): its LinUCB and LinTS, for speed.

`obp.utils` imports torch for functions that are not used here, and the package imports everything it has: an empty torch and
packages without their own `__init__` save gigabytes and change nothing of the two policies.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import types
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from driver import serve
from learner import Learner, with_constant


def linear_policies() -> types.ModuleType:
    """`obp.policy.linear`, and of the rest only what it imports."""
    sys.modules["torch"] = types.ModuleType("torch")
    sys.modules["torch"].tensor = sys.modules["torch"].Tensor = object
    home = Path(importlib.util.find_spec("obp").origin).parent
    for name, folder in (("obp", home), ("obp.policy", home / "policy")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]
    return import_module("obp.policy.linear")


class Obp(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int, kind: Callable) -> None:
        super().__init__(n_actions, n_features, seed)
        self.policy = kind(dim=n_features + 1, n_actions=n_actions, random_state=seed)

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        if not eligible.all():
            raise NotImplementedError("this adapter measures speed, where every action is eligible")
        return int(self.policy.select_action(with_constant(context[None]))[0]), math.nan

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        self.policy.update_params(action, reward, with_constant(context[None]))


if __name__ == "__main__":
    linear = linear_policies()
    serve(
        {
            "linucb": partial(Obp, kind=partial(linear.LinUCB, epsilon=1.0)),
            "lints": partial(Obp, kind=linear.LinTS),
        }
    )
