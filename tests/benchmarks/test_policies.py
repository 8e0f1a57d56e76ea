"""The benchmark of policies: its protocol keeps every policy to the same rounds, and its quick form runs through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.policies.judgement import FAST, OURS, REFERENCE, quality_targets, speed_targets
from benchmarks.policies.peer import PeerError, Session, install, read_peers
from benchmarks.policies.problem import Problem, standardise
from benchmarks.policies.quality import play, ranks
from benchmarks.policies.results import Results

ROOT = Path(__file__).parent.parent.parent


def a_problem(n: int = 400) -> Problem:
    """Two actions, the better one told by the sign of the only input; a third that is never eligible and would pay best."""
    contexts = np.random.default_rng(0).standard_normal((n, 1))
    rewards = np.column_stack([contexts > 0, contexts <= 0, np.full((n, 1), 9)]).astype(np.float64)
    eligible = np.tile([True, True, False], (n, 1))
    return Problem(contexts=contexts, eligible=eligible, rewards=rewards, values=rewards, batch=20)


@pytest.mark.parametrize("learner", ["lin_ucb", "linear_thompson", "square_cb"])
def test_our_policies_learn_through_the_protocol_and_never_choose_what_is_not_eligible(learner: str) -> None:
    with Session(read_peers()["gardoon"], Path("unused")) as session:
        score = play(session, learner, a_problem(), seed=1, limit_s=60)

    assert 0.75 < score.value <= 1
    assert score.stated


def test_the_same_seed_earns_the_same() -> None:
    with Session(read_peers()["gardoon"], Path("unused")) as session:
        earned = {play(session, "linear_thompson", a_problem(), seed=3, limit_s=60).value for _ in range(2)}

    assert len(earned) == 1


def test_a_learner_that_takes_too_long_has_no_score_but_a_reason() -> None:
    with Session(read_peers()["gardoon"], Path("unused")) as session:
        score = play(session, "lin_ucb", a_problem(), seed=1, limit_s=0)

    assert np.isnan(score.value)
    assert "20 of 400 rounds" in (score.lack or "")


def test_what_goes_wrong_in_an_adapter_is_told() -> None:
    with (
        Session(read_peers()["gardoon"], Path("unused")) as session,
        pytest.raises(PeerError, match="no_such"),
    ):
        session.start("no_such", 2, 1, 0)


def test_a_peer_that_is_not_installed_says_why() -> None:
    with pytest.raises(PeerError, match="JAX"):
        install(read_peers()["pybandits"], Path("unused"))


def test_unknown_inputs_stand_at_the_centre_and_columns_get_one_scale() -> None:
    contexts = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]])

    assert standardise(contexts).tolist() == [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]


def test_equal_means_share_their_rank() -> None:
    assert ranks({"a": 0.5, "b": 0.7, "c": 0.5}) == {"a": 2.5, "b": 1.0, "c": 2.5}


def test_the_lines_of_the_targets_say_measured_target_and_verdict() -> None:
    speed = {"decide": 10.0, "update": 10.0, "batch": 1e6}
    results = Results(
        scores={"p": {OURS: [0.9, 0.8], "peer a": [0.5, 0.6]}, "q": {OURS: [0.1, 0.2]}},
        speed={FAST: {**speed, "decide": 60.0}, REFERENCE: speed},
    )

    lines = [str(target) for target in (*speed_targets(results), *quality_targets(results))]

    assert lines[0].endswith("(10.0 µs): measured 6, target at most 5: short")
    assert lines[1].endswith("(10.0 µs): measured 1, target at most 1.25: pass")
    assert lines[3].startswith("mean rank 1.00 of 2 over 2 problems, +1.00 ± 0.00 to peer a (2.00)")


@pytest.mark.slow
def test_the_quick_form_measures_a_peer_in_its_own_environment(tmp_path: Path) -> None:
    """Speed may be short on a busy machine, so both ends of the run are right; the page is written in any case."""
    try:
        install(read_peers()["vowpalwabbit"], tmp_path)
    except PeerError as error:
        pytest.skip(f"Vowpal Wabbit cannot be installed: {error}")
    page = tmp_path / "page.md"
    command = [
        sys.executable,
        "-m",
        "benchmarks.policies",
        "--quick",
        "--var",
        str(tmp_path),
        "--out",
        str(page),
    ]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode in (0, 1), done.stderr
    assert "decisions a second, batched on one core: measured" in done.stdout, done.stdout + done.stderr
    assert all(name in page.read_text() for name in ("vowpalwabbit squarecb", "gardoon lin_ucb", "wine"))
