"""The log that the service writes is the log that training reads, and what is estimated from it is true."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, delete, insert, select
from typer.testing import CliRunner

from features.encoding import encode
from features.schema import CHANNELS
from models.artifact import Artifact
from models.catalogue import load_policy
from models.policy import uniform
from models.reward import OutcomeKind
from models.uniform_random import UniformRandom
from service.decider import Facts, decide
from service.decision_id import decision_id
from service.decision_point import DecisionPoint
from service.record import DecisionRecord, Round
from service.schemas import DecideRequest, OutcomeItem
from service.store.decision_commit import decision_row
from service.store.decision_log import read_record
from service.store.outcome_log import record_outcomes
from service.store.tables import decisions, rewards
from tests.service.conftest import Worker, starting_policies, stored_customer, without_quiet_hours
from tests.service.test_outcomes import outcome, send
from tests.training.evaluation.in_memory import evaluate_named, read_decision_log
from training.cli import app
from training.evaluation.errors import LogError, PolicyError
from training.evaluation.estimator import Estimate
from training.evaluation.evaluation import Evaluation
from training.places import Places

ROOT = Path(__file__).parents[2]
N_DECISIONS = 300


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def with_shares(
    points: dict[str, DecisionPoint], *, holdout: float, random: float
) -> dict[str, DecisionPoint]:
    shares = {"shares": {"holdout": holdout, "random": random}}
    return {
        name: DecisionPoint.model_validate({**point.model_dump(), **shares}) for name, point in points.items()
    }


def decide_and_hear_back(worker: Worker) -> None:
    """300 decisions of two journeys: customers known in part and in full, every kind of answer and silence."""
    rng = np.random.default_rng(5)
    for number in range(N_DECISIONS):
        customer, known = f"c{number}", {"click_rate_email": float(rng.random())} if number % 3 else {}
        consent = {f"consent_{channel}": bool(rng.random() < 0.8) for channel in CHANNELS}
        if number % 10:
            worker.reader.customers[customer] = stored_customer(customer, worker.clock(), **known, **consent)
        journey = ("lucky_wheel", "cart_abandonment")[number % 2]
        identity = worker.decide(customer_id=customer, journey=journey)["decision_id"]
        heard = ("clicked", "delivered", "undelivered", None, "purchased")[number % 5]
        if heard is not None:
            amount = {"value": 1000.0 * number, "currency": "IRT"} if heard == "purchased" else {}
            send(worker, outcome(identity, f"e{number}", heard, **amount))
    worker.clock.advance(hours=73)
    worker.learn()


@pytest.fixture(scope="module")
def kept() -> dict[str, Engine]:
    """The log of `decide_and_hear_back` once the first test made it; the tests only read it."""
    return {}


@pytest.fixture
def log(
    request: pytest.FixtureRequest, points: dict[str, DecisionPoint], kept: dict[str, Engine]
) -> Iterator[Engine]:
    """A log of 300 decisions of the decisioning, random and holdout groups."""
    if not kept:
        make_worker = request.getfixturevalue("make_worker")
        worker = make_worker(points=with_shares(points, holdout=0.1, random=0.3))
        decide_and_hear_back(worker)
        kept["log"] = worker.state.engine
    yield kept["log"]
    kept["log"].dispose()


def resolved_rounds(engine: Engine, decision: str) -> list[tuple[DecisionRecord, Round, float]]:
    """What the service itself says of its resolved rounds, oldest first."""
    resolved = select(rewards).where(rewards.c.decision == decision, rewards.c.state == "resolved")
    with engine.connect() as connection:
        rows = connection.execute(resolved.order_by(rewards.c.decision_id)).mappings().all()
    records = [read_record(engine, row["decision_id"]) for row in rows]
    return [
        (record, next(r for r in record.rounds if r.decision == decision), row["reward"])
        for record, row in zip(records, rows, strict=True)
    ]


@pytest.mark.parametrize("decision", ["channel", "send_time", "coupon"])
def test_training_reads_back_exactly_the_rounds_that_the_learner_resolved(log: Engine, decision: str) -> None:
    expected = resolved_rounds(log, decision)

    found = read_decision_log(url_of(log), decision)

    feedback, rounds = found.feedback, [round_ for _, round_, _ in expected]
    assert len(rounds) > 50
    assert feedback.rewards.tolist() == [reward for *_, reward in expected]
    assert feedback.propensities.tolist() == [round_.propensity for round_ in rounds]
    assert found.probabilities.tolist() == [list(round_.probabilities) for round_ in rounds]
    assert feedback.eligible.tolist() == [list(round_.eligible) for round_ in rounds]
    assert [feedback.action_names[a] for a in feedback.actions] == [round_.chosen for round_ in rounds]
    np.testing.assert_array_equal(feedback.contexts, [round_.context_array() for round_ in rounds])
    assert {record.group for record, *_ in expected} == {"decisioning", "random"}


def test_unknown_inputs_come_back_as_nan(log: Engine) -> None:
    feedback = read_decision_log(url_of(log), "channel").feedback

    unknown = np.isnan(feedback.contexts[:, feedback.input_names.index("click_rate_email")])

    assert unknown.any()
    assert not unknown.all()


def test_every_decision_is_a_round_or_is_counted_as_left_out(log: Engine) -> None:
    with log.connect() as connection:
        groups = connection.scalars(select(decisions.c.group_name)).all()

    found = read_decision_log(url_of(log), "channel")

    assert found.feedback.n_rounds + sum(found.n_left_out.values()) == N_DECISIONS == len(groups)
    assert found.n_left_out["group holdout"] == groups.count("holdout") > 0
    assert found.n_left_out["suppressed"] > 0
    assert found.n_left_out["not delivered, or not known to be"] > 0


def test_one_journey_can_be_read_alone_and_one_that_is_not_there_is_named(log: Engine) -> None:
    url = url_of(log)

    alone = read_decision_log(url, "channel", "lucky_wheel")

    assert list(alone.n_by_journey) == [("lucky_wheel", "click")]
    with pytest.raises(
        LogError, match=r"'wheel' in the log; there are \['cart_abandonment', 'lucky_wheel'\]"
    ):
        read_decision_log(url, "channel", "wheel")
    with pytest.raises(LogError, match="wanted one of channel, send_time, coupon, message"):
        read_decision_log(url, "colour")


def test_clicks_inside_an_open_window_wait_for_their_misses(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    for number in range(40):
        worker.reader.customers[f"c{number}"] = stored_customer(f"c{number}")
        identity = worker.decide(customer_id=f"c{number}", decide=["channel"])["decision_id"]
        send(worker, outcome(identity, f"e{number}", "clicked" if number % 4 == 0 else "delivered"))
        if number == 19:
            worker.clock.advance(hours=45)
    worker.learn()

    log = read_decision_log(url_of(worker.state.engine), "channel")

    assert log.feedback.rewards.mean() == pytest.approx(0.25, abs=0.002)  # less what the messages cost
    assert log.n_left_out == {"with the reward window perhaps still open": 20}


def test_the_policy_that_decided_judged_from_its_files_gives_the_logged_numbers(
    make_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    worker = make_worker()
    decide_and_hear_back(worker)
    for decision in ("channel", "send_time", "coupon"):
        folder = save(starting_policies()[f"{decision}_policy"], tmp_path / decision)

        saved, logged = (
            evaluate_named(f"decisions:{decision}", policy, Places(var=tmp_path))
            for policy in (str(folder), "logged")
        )

        assert saved.diagnostics.mean_weight == pytest.approx(1.0, abs=1e-9)
        assert saved.diagnostics.largest_weight == pytest.approx(1.0, abs=1e-9)
        assert [e.value for e in estimates(saved)] == pytest.approx([e.value for e in estimates(logged)])


def save(artifact: Artifact, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in artifact.files().items():
        (folder / name).write_bytes(content)
    return folder


def test_a_policy_that_does_not_fit_the_log_is_refused_with_both_sides_named(
    log: Engine, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    other = save(starting_policies()["channel_policy"], tmp_path / "other")
    thirsty = load_policy(starting_policies()["coupon_policy"])
    thirsty.input_names = ("purchase_propensity", "churn_risk", "shoe_size")

    for policy, message in {
        str(empty): r"manifest.json and arrays.npz; found \[\]",
        str(other): r"chooses among \['email'.*the log among \['none'",
        str(
            save(thirsty.to_artifact(), tmp_path / "thirsty")
        ): r"\['shoe_size'\]; the log holds \['purchase_prop",
        "champion": "no registry at",
        "best": r"wanted one of \['uniform', 'logged', 'champion', 'challenger'\]",
    }.items():
        with pytest.raises(PolicyError, match=message):
            evaluate_named("decisions:coupon", policy, Places(var=tmp_path), database_url=url_of(log))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_champion_is_judged_as_it_was_registered(log: Engine, tmp_path: Path) -> None:
    from training.registry import open_registry

    registry = open_registry(Places(var=tmp_path))
    with registry.run("a champion") as run_id:
        registry.register(starting_policies()["coupon_policy"], "coupon_policy", run_id)
    saved = save(starting_policies()["coupon_policy"], tmp_path / "saved")
    places, url = Places(var=tmp_path), url_of(log)

    champion, same = (
        evaluate_named("decisions:coupon", policy, places, database_url=url)
        for policy in ("champion", str(saved))
    )

    assert champion == same
    with pytest.raises(PolicyError, match="no champion for send_time"):
        evaluate_named("decisions:send_time", "champion", places, database_url=url)


def test_the_command_prints_the_judgement_and_what_was_left_out(log: Engine, tmp_path: Path) -> None:
    options = ["--policy", "uniform", "--var", str(tmp_path), "--database-url", url_of(log), "--no-log"]

    result = CliRunner().invoke(app, ["evaluate", "--log", "decisions:lucky_wheel/coupon", *options])

    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "rounds by journey: lucky_wheel" in said
    assert "rewards in thousands of the shop's currency" in said
    assert "group holdout" in said


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "the service has not run here"),
        ("nonsense", "is no database URL"),
        ("postgresql://user:secret@127.0.0.1:1/log", "cannot be read"),
    ],
)
def test_a_log_that_cannot_be_read_is_an_error_and_no_file_is_made(
    tmp_path: Path, url: str, message: str
) -> None:
    arguments = ["evaluate", "--log", "decisions:coupon", "--policy", "uniform", "--var", str(tmp_path)]

    result = CliRunner().invoke(app, [*arguments, "--database-url", url])

    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "secret" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_no_decision_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.db").touch()

    with pytest.raises(LogError, match="no such table"):
        evaluate_named("decisions:coupon", "uniform", Places(var=tmp_path))


def test_judging_by_the_log_imports_neither_feast_nor_mlflow_nor_lightgbm() -> None:
    code = "import sys, training.evaluation.log_request; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"feast", "mlflow", "lightgbm", "pandas", "service"} & set(loaded)


# A log of many decisions whose click rates are known: the value of choosing uniformly is then known as well.

RATES = np.array([0.05, 0.15, 0.3, 0.5])
N_ROUNDS = 2_000


def click_rates(record: DecisionRecord) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The true click rate of each channel: its own, moved by the customer's rate on e-mail."""
    context = dict(zip(record.rounds[0].inputs, record.rounds[0].context, strict=True))
    shift = context["click_rate_email"] or 0.0
    return np.clip(RATES + 0.3 * (shift - 0.5), 0, 1)


def decide_in_bulk(worker: Worker, numbers: range) -> list[DecisionRecord]:
    """Decisions by the real decider into the real log, without HTTP; customers differ in consent and click rate."""
    models, rules, now = worker.state.feed.current, worker.state.rules["lucky_wheel"], worker.clock()
    request = {"journey": "lucky_wheel", "decide": ["channel"]}
    records = []
    for number in numbers:
        rng = np.random.default_rng([11, number])
        consent = {f"consent_{channel}": bool(rng.random() < 0.8) for channel in CHANNELS[1:]}
        stored = stored_customer(f"c{number}", now, click_rate_email=float(rng.random()), **consent)
        identity = decision_id(int(now.timestamp() * 1000), rng.bytes(10))
        asked = DecideRequest.model_validate({**request, "customer_id": f"c{number}"})
        features = encode(stored, now=now, schema=worker.state.schema)
        records.append(decide(Facts(identity, now, asked, features), models, rules))
    with worker.state.engine.begin() as connection:
        connection.execute(insert(decisions), [decision_row(record) for record in records])
    return records


def hear_back_in_bulk(worker: Worker, records: list[DecisionRecord]) -> None:
    """Clicks at the true rates; one message in twenty is not delivered, whatever the channel."""
    items = []
    for record in records:
        u, lost = uniform(record.decision_id, "click"), uniform(record.decision_id, "lost") < 0.05
        clicked = u < click_rates(record)[record.rounds[0].action]
        kind = OutcomeKind.UNDELIVERED if lost else OutcomeKind.CLICKED if clicked else OutcomeKind.DELIVERED
        item = {
            "event_id": record.decision_id,
            "decision_id": record.decision_id,
            "kind": kind,
            "occurred_at": worker.clock(),
        }
        items.append(OutcomeItem.model_validate(item))
    record_outcomes(worker.state.engine, items, currency="IRT", received_at=worker.clock())


def estimates(evaluation: Evaluation) -> list[Estimate]:
    found = [one for one in evaluation.estimates if one.estimator in ("ips", "snips", "dr")]
    assert all(isinstance(one, Estimate) for one in found)
    return found


@pytest.mark.parametrize(("group", "share"), [("random", 0.999), ("decisioning", 0.0)])
def test_the_value_of_choosing_uniformly_is_recovered_from_what_the_service_did(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint], group: str, share: float
) -> None:
    """Half the rounds are decided after the policy learnt from the other half, so the log is of two policies.

    Intervals of 99.9 %, three for each group: if they are right, one of the six misses with probability below 0.006.
    """
    shared = with_shares(points, holdout=0.0, random=share)
    worker = make_worker(points={name: without_quiet_hours(point) for name, point in shared.items()})
    records = []
    for half in (range(N_ROUNDS // 2), range(N_ROUNDS // 2, N_ROUNDS)):
        decided = decide_in_bulk(worker, half)
        hear_back_in_bulk(worker, decided)
        worker.clock.advance(hours=41)
        worker.learn()
        records += decided
    truth = float(
        np.mean([click_rates(r) @ r.rounds[0].eligible / sum(r.rounds[0].eligible) for r in records])
    )
    url, name = url_of(worker.state.engine), "decisions:lucky_wheel/channel"

    evaluation = evaluate_named(name, "uniform", Places(var=Path()), database_url=url, level=0.999)

    assert evaluation.diagnostics.propensities_hold
    assert evaluation.diagnostics.n_rounds == pytest.approx(0.95 * N_ROUNDS, rel=0.02)
    for estimate in estimates(evaluation):
        assert estimate.low <= truth - 0.002 <= estimate.high
        assert estimate.standard_error < 0.05
    if group == "decisioning":  # what it did earn is another value, far outside
        earned = read_decision_log(url, "channel", "lucky_wheel").feedback.rewards.mean()
        assert earned > max(one.high for one in estimates(evaluation))


def test_groups_are_counted_by_customer_against_the_shares_that_were_set(log: Engine) -> None:
    with log.connect() as connection:
        rows = connection.execute(select(decisions.c.customer_id, decisions.c.group_name)).all()

    found = read_decision_log(url_of(log), "channel")

    ratios = {ratio.journey: ratio for ratio in found.sample_ratios}
    assert set(ratios) == {journey for journey, _ in found.n_by_journey}
    counted = sum(sum(ratio.counts.values()) for ratio in ratios.values())
    assert counted == len({customer for customer, _ in rows})  # here each customer is in one journey
    assert all(ratio.shares["decisioning"] == pytest.approx(0.6) for ratio in ratios.values())
    assert all(ratio.fault == "" for ratio in ratios.values())
    assert found.delay is not None


def test_a_log_that_lost_the_customers_of_a_group_is_refused(log: Engine, tmp_path: Path) -> None:
    log.dispose()  # so that everything is in the one file
    copy = tmp_path / "copy" / "log.db"
    copy.parent.mkdir()
    shutil.copy(str(log.url.database), copy)
    with create_engine(f"sqlite:///{copy}").begin() as connection:
        connection.execute(delete(decisions).where(decisions.c.group_name == "random"))

    evaluation = evaluate_named("decisions:channel", "uniform", Places(var=copy.parent))

    assert evaluation.verdict.grade == "refuse"
    assert "sample ratio mismatch" in evaluation.verdict.reasons[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_gate_judges_registered_policies_on_this_log_and_refuses_an_equal_one(
    log: Engine, tmp_path: Path
) -> None:
    from training.registry import CHALLENGER, CHAMPION, open_registry

    registry = open_registry(Places(var=tmp_path))
    for alias in (CHAMPION, CHALLENGER):
        plain = UniformRandom(action_names=CHANNELS).to_artifact()
        with registry.run(alias) as run_id:
            artifact = Artifact({**plain.manifest, "about": alias}, plain.arrays)
            registry.register(artifact, "channel_policy", run_id, alias=alias)

    command = ["promote", "channel_policy", "--var", str(tmp_path), "--database-url", url_of(log)]
    (tmp_path / "segments").mkdir()
    declared = "name: clicks\ndescription: x\nwhere: {feature: click_rate_email, at_least: 0.5}\n"
    (tmp_path / "segments" / "clicks.yaml").write_text(declared, encoding="utf-8")
    slices = [
        "--slice",
        "click_rate_email>=0.5",
        "--slice",
        "segment:clicks",
        "--decision-points",
        str(tmp_path),
    ]
    found = CliRunner().invoke(app, [*command, *slices, "--least-effective", "10"])
    wrong = CliRunner().invoke(app, [*command, "--slice", "shoe_size>=40"])

    assert found.exit_code == 1
    assert "refused: difference; version 1 stays champion" in found.output
    same = [line.partition(": ") for line in found.output.splitlines() if "ok  slice" in line]
    assert [name.split("slice ")[1] for name, _, _ in same] == ["click_rate_email>=0.5", "segment:clicks=in"]
    assert same[0][2] == same[1][2]
    assert registry.version_of("channel_policy", CHAMPION) == "1"
    assert wrong.exit_code == 1
    assert "the log has no input or label shoe_size" in wrong.output
