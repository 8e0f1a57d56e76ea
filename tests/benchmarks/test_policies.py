"""The benchmark of policies: its protocol keeps every policy to the same rounds, and its quick form runs through."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.policies.judgement import FAST, OURS, quality_targets, speed_targets
from benchmarks.policies.peer import Peer, PeerError, Session, install, read_peers
from benchmarks.policies.problem import Problem, Told, standardise
from benchmarks.policies.quality import play, play_all, ranks
from benchmarks.policies.results import Results
from benchmarks.policies.speed import TURN, measure_speed

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


def test_a_peer_that_is_not_installed_says_why(tmp_path: Path) -> None:
    peer = Peer(name="nobody", quality=[], speed=[], settings="", install=["no package has this name"])

    with pytest.raises(PeerError, match=r"not installed|is not there"):
        install(peer, tmp_path)


def test_unknown_inputs_stand_at_the_centre_and_columns_get_one_scale() -> None:
    contexts = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]])

    assert standardise(contexts).tolist() == [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]


def test_a_learner_that_must_be_told_something_plays_only_what_tells_it() -> None:
    names = {"told": ["logistic_thompson"], "quality": ["lin_ucb", "logistic_thompson"]}
    peer = replace(read_peers()["gardoon"], **names)
    bounds = Told(setup={"low": 0.0, "high": 1.0, "base_share": 0.5})
    problem = a_problem()

    untold = play_all(peer, Path("unused"), [problem], limit_s=60)
    told = play_all(peer, Path("unused"), [replace(problem, told={"logistic_thompson": bounds})], limit_s=60)

    assert list(untold) == ["lin_ucb"]
    assert told["logistic_thompson"][0].value > 0.75


def test_the_yardstick_beside_itself_takes_as_long() -> None:
    """Processor time, so other work on the machine counts little: twice as long would be a fault of the measurement."""
    plain = replace(read_peers()["plain_numpy"], speed=["linucb"])

    speeds, lacks = measure_speed([plain], Path("unused"), rounds=5 * TURN)

    assert lacks == {}
    assert 0.5 < speeds["plain_numpy linucb"]["decide_ratio"] < 2
    assert 0.5 < speeds["plain_numpy linucb"]["update_ratio"] < 2
    assert not speeds["plain_numpy linucb"]["states"]


def test_equal_means_share_their_rank() -> None:
    assert ranks({"a": 0.5, "b": 0.7, "c": 0.5}) == {"a": 2.5, "b": 1.0, "c": 2.5}


def test_the_lines_of_the_targets_say_measured_target_and_verdict() -> None:
    ours = {"decide": 60.0, "update": 10.0, "batch": 1e6, "decide_ratio": 6.0, "update_ratio": 1.0}
    speed = {name: {**ours, "plain_decide": 10.0, "plain_update": 10.0} for name in FAST}
    found = {OURS: [0.9, 0.8], "peer a": [0.5, 0.6]}
    results = Results(scores={"wine": found, "p": found, "q": {**found, "peer b": [0.1, 0.2]}})

    lines = [str(target) for target in (*speed_targets(speed), *quality_targets(results))]

    assert lines[0].endswith("(10.0 µs): measured 6, target at most 5: short")
    assert lines[1].endswith("(10.0 µs): measured 1, target at most 1.25: pass")
    assert lines[6].startswith("mean rank 1.00 of 3 over 3 problems, +1.00 ± 0.00 to peer a (2.00)")
    assert lines[7].startswith(
        "mean rank 1.00 of 3 over 2 problems without wine, breast cancer, digits, +1.00"
    )


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
