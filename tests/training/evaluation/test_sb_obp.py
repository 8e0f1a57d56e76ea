"""Our estimators against sb-obp's on the six Open Bandit samples, sb-obp in an environment of its own.

Same rounds, same action probabilities, same predicted rewards; every estimator that both have, to 1e-9. Deliberate
differences, which is why these are not compared:
- Intervals. sb-obp bootstraps the per-round terms of SNIPS and SNDR with the denominator held fixed, so a constant reward
  gets a spread; ours resamples ratios as ratios, and linearises.
- Replay on the Bernoulli TS logs. sb-obp averages the rounds whose action matches, whatever their propensity; ours rejects
  rounds so that the kept ones follow the evaluation policy. On the random logs both are the same and are compared.
- DRos and Switch-DR without a parameter: sb-obp's defaults differ (λ = 0 and ∞), ours are both ∞, that is DR.
- No overlap: 0 there, `NoOverlapError` here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.training.evaluation.in_memory import cross_fit_rewards
from training.evaluation.clipped_ips import ClippedIPS
from training.evaluation.dm import DM
from training.evaluation.dr import DR
from training.evaluation.dros import DRos
from training.evaluation.errors import LogError
from training.evaluation.evaluation import standard_estimators
from training.evaluation.ips import IPS
from training.evaluation.mips import MIPS
from training.evaluation.open_bandit import OpenBanditSample, bernoulli_thompson, fetch, read_sample
from training.evaluation.replay import Replay
from training.evaluation.rounds import evaluate_rounds, weigh_kinds
from training.evaluation.sndr import SNDR
from training.evaluation.snips import SNIPS
from training.evaluation.switch_dr import SwitchDR

pytestmark = pytest.mark.slow

VAR = Path("var")
SAMPLES = [f"{behavior}/{campaign}" for behavior in ("random", "bts") for campaign in ("all", "men", "women")]
PEER = Path(__file__).with_name("sb_obp_peer.py")
NEEDS = ("matplotlib", "numpy", "pandas", "pyyaml", "scikit-learn", "scipy", "seaborn", "tqdm")
PLAIN = {
    "ips": IPS(),
    "clipped-ips 3": ClippedIPS(cap=3.0),
    "snips": SNIPS(),
    "dm": DM(),
    "dr": DR(),
    "sndr": SNDR(),
    "switch-dr 3": SwitchDR(threshold=3.0),
    "dros 3": DRos(shrinkage=3.0),
}


@pytest.fixture(scope="module")
def peer_python() -> Path:
    """The Python of an environment with sb-obp and what it imports, but not its own pins (numpy 1, an old obp, torch)."""
    home = VAR / "peers" / "sb-obp"
    python = home / "bin" / "python"
    ready = home / "ready"
    if ready.exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=".tools/bin")
    if uv is None:
        pytest.skip("sb-obp cannot be installed: uv was not found")
    install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        [*install, "--no-deps", "sb-obp==0.5.10"],
        [*install, *NEEDS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"sb-obp cannot be installed: {done.stderr.strip()[-300:]}")
    ready.touch()
    return python


@pytest.fixture(scope="module")
def package() -> Path:
    try:
        return fetch(VAR / "packages")
    except LogError as error:
        pytest.skip(f"the Open Bandit samples cannot be had: {error}")


@dataclass(frozen=True)
class Case:
    """A sample, the probabilities of the policy evaluated on it, and the rewards predicted for it."""

    sample: OpenBanditSample
    probabilities: np.ndarray
    predictions: np.ndarray

    def columns(self) -> dict[str, np.ndarray]:
        """What sb-obp is told."""
        feedback = self.sample.feedback
        columns = {
            "rewards": feedback.rewards,
            "actions": feedback.actions,
            "propensities": feedback.propensities,
            "probabilities": self.probabilities,
            "predictions": self.predictions,
        }
        if self.sample.behavior is not None:
            columns |= {"behavior": self.sample.behavior, "kinds": self.sample.kinds}
        return columns


@pytest.fixture(scope="module")
def cases(package) -> dict[str, Case]:
    """Each of the six samples by name."""
    made = {}
    for name in SAMPLES:
        sample = read_sample(package, name)
        probabilities = bernoulli_thompson(package, sample, np.random.default_rng(0))
        made[name] = Case(sample, probabilities, cross_fit_rewards(sample.feedback))
    return made


@pytest.fixture(scope="module")
def peers_estimates(peer_python, cases, tmp_path_factory) -> dict[str, dict[str, float]]:
    """sb-obp's estimates by sample, of one process: its imports take longer than its estimates."""
    return ask(
        peer_python, {name: case.columns() for name, case in cases.items()}, tmp_path_factory.mktemp("obp")
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_every_estimator_that_both_have_agrees_to_nine_digits(name, cases, peers_estimates):
    case, theirs = cases[name], dict(peers_estimates[name])
    sample, probabilities = case.sample, case.probabilities
    feedback = sample.feedback

    draws = np.random.default_rng(1).random(feedback.n_rounds)
    rounds = evaluate_rounds(feedback, probabilities, draws, case.predictions)
    tuned = {f"{each.name} slope": each for each in standard_estimators(rounds)}
    ours = {name: value_of(each, rounds) for name, each in PLAIN.items()}
    ours |= {name: value_of(tuned[name], rounds) for name in theirs if name.endswith("slope")}
    if sample.behavior is not None:
        weights = weigh_kinds(feedback, probabilities, sample.behavior, sample.kinds)
        ours["mips"] = value_of(MIPS(), type(rounds)(**{**vars(rounds), "kind_weights": weights}))
        fixed = np.eye(feedback.n_actions)[probabilities.argmax(axis=1)]
        ours["replay"] = value_of(
            Replay(largest_weight=float(feedback.n_actions)), evaluate_rounds(feedback, fixed, draws)
        )
    else:
        del theirs["replay"]
    assert theirs.keys() == ours.keys()
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-15)


def ask(python: Path, samples: dict[str, dict[str, np.ndarray]], folder: Path) -> dict[str, dict[str, float]]:
    """sb-obp's estimates by sample."""
    for name, columns in samples.items():
        np.savez(folder / f"{name.replace('/', '-')}.npz", **columns)
    done = subprocess.run([str(python), str(PEER), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        name: json.loads((folder / f"{name.replace('/', '-')}.json").read_text(encoding="utf-8"))
        for name in samples
    }


def value_of(estimator, rounds) -> float:
    return float(estimator.value(estimator.add_up(rounds).means))
