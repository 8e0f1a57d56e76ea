"""Run by the Python of sb-obp's own environment, never by ours: its estimates for each file of rounds, as JSON beside it.

    python sb_obp_peer.py FOLDER

sb-obp imports torch for its policy learners, which are not used here: a stand-in saves gigabytes.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

GRID = [10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, float("inf")]


class _Torch(types.ModuleType):
    """A module whose every attribute is a submodule or an empty class."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        submodule = sys.modules.get(f"{self.__name__}.{name}")
        return submodule if submodule is not None else type(name, (), {})


def stand_in_for_torch() -> None:
    for name in (
        "torch",
        "torch.nn",
        "torch.nn.functional",
        "torch.optim",
        "torch.utils",
        "torch.utils.data",
    ):
        sys.modules[name] = _Torch(name)
        sys.modules[name].__path__ = []


def estimate(rounds: dict) -> dict[str, float]:
    """sb-obp's policy values by our names."""
    import numpy as np
    from obp import ope

    shared = {
        "reward": rounds["rewards"],
        "action": rounds["actions"],
        "pscore": rounds["propensities"],
        "action_dist": rounds["probabilities"][:, :, None],
        "estimated_rewards_by_reg_model": rounds["predictions"][:, :, None],
        "position": np.zeros(len(rounds["rewards"]), dtype=int),
    }
    estimators = {
        "ips": ope.InverseProbabilityWeighting(),
        "clipped-ips 3": ope.InverseProbabilityWeighting(lambda_=3.0),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting(),
        "dm": ope.DirectMethod(),
        "dr": ope.DoublyRobust(),
        "sndr": ope.SelfNormalizedDoublyRobust(),
        "switch-dr 3": ope.SwitchDoublyRobust(lambda_=3.0),
        "dros 3": ope.DoublyRobustWithShrinkage(lambda_=3.0),
        "clipped-ips slope": ope.InverseProbabilityWeightingTuning(lambdas=list(GRID)),
        "switch-dr slope": ope.SwitchDoublyRobustTuning(lambdas=list(GRID)),
        "dros slope": ope.DoublyRobustWithShrinkageTuning(lambdas=list(GRID)),
    }
    found = {name: float(each.estimate_policy_value(**shared)) for name, each in estimators.items()}
    best = np.eye(rounds["probabilities"].shape[1])[rounds["probabilities"].argmax(axis=1)]
    found["replay"] = float(
        ope.ReplayMethod().estimate_policy_value(**{**shared, "action_dist": best[:, :, None]})
    )
    if "behavior" in rounds:
        kinds = rounds["kinds"]
        mips = ope.MarginalizedInverseProbabilityWeighting(
            n_actions=len(kinds), embedding_selection_method=None
        )
        found["mips"] = float(
            mips.estimate_policy_value(
                **shared,
                action_embed=kinds[rounds["actions"]][:, None],
                pi_b=rounds["behavior"][:, :, None],
                p_e_a=np.eye(kinds.max() + 1)[kinds][:, :, None],
            )
        )
    return found


def main() -> None:
    """Read, estimate, write, for each file."""
    import numpy as np

    stand_in_for_torch()
    for source in sorted(Path(sys.argv[1]).glob("*.npz")):
        with np.load(source) as file:
            rounds = {name: file[name] for name in file.files}
        source.with_suffix(".json").write_text(json.dumps(estimate(rounds)), encoding="utf-8")


if __name__ == "__main__":
    main()
