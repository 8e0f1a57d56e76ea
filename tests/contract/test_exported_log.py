"""The Parquet files that the service exports its log to tell training what the log itself tells it, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.schema import CHANNELS, load_schema
from features.segment_files import load_segments
from models.inputs import SCORES
from service.cli import app as service_app
from service.decision_point import DecisionPoint
from tests.service.conftest import NOW, Worker, stored_customer
from tests.service.test_outcomes import outcome, send
from training.cli import app
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.judgement import Judgement
from training.evaluation.log_export import LogExport
from training.evaluation.log_name import DecisionLogName
from training.evaluation.log_request import LogRequest, open_requested, spooled
from training.evaluation.log_store import open_store
from training.evaluation.log_summary import LogSummary
from training.evaluation.question_text import QuestionText
from training.evaluation.round_segments import RoundSegments
from training.evaluation.round_spool import SpooledLog
from training.places import Places

N_DAYS, A_DAY = 3, 40
WHOLE = NOW.date() + timedelta(days=N_DAYS + 5)
"""The day after the newest decision's windows had closed."""


@pytest.fixture(scope="module")
def kept() -> dict[str, Path]:
    """Log and export once the first test made them; the tests only read them."""
    return {}


@pytest.fixture
def shop(request: pytest.FixtureRequest, kept: dict[str, Path]) -> Path:
    """The folder of a log of three days, and beside it in `export` what the service's command wrote of it."""
    if not kept:
        make_worker: Callable[..., Worker] = request.getfixturevalue("make_worker")
        points: dict[str, DecisionPoint] = request.getfixturevalue("points")
        shares = {"shares": {"holdout": 0.1, "random": 0.3}}
        declared = {n: DecisionPoint.model_validate({**p.model_dump(), **shares}) for n, p in points.items()}
        worker = make_worker(points=declared)
        live(worker)
        kept["var"] = worker.state.settings.var
        export(kept["var"], kept["var"] / "export", WHOLE)
    return kept["var"]


def live(worker: Worker) -> None:
    """Decisions of two journeys on three days with every kind of answer and silence; those of the last day stay open."""
    rng = np.random.default_rng(5)
    for number in range(N_DAYS * A_DAY):
        if number and number % A_DAY == 0:
            worker.clock.advance(hours=73 if number == 2 * A_DAY else 24)
        customer, known = f"c{number % 90}", {"click_rate_email": float(rng.random())} if number % 3 else {}
        consent = {f"consent_{channel}": bool(rng.random() < 0.8) for channel in CHANNELS}
        if number % 10:
            worker.reader.customers[customer] = stored_customer(customer, worker.clock(), **known, **consent)
        journey = ("lucky_wheel", "cart_abandonment")[number % 2]
        identity = worker.decide(customer_id=customer, journey=journey)["decision_id"]
        heard = ("clicked", "delivered", "undelivered", None, "purchased")[number % 5]
        if heard is not None:
            worker.clock.advance(minutes=1)
            amount = {"value": 1000.0 * number, "currency": "IRT"} if heard == "purchased" else {}
            at = worker.clock().isoformat()
            send(worker, outcome(identity, f"e{number}", heard, occurred_at=at, **amount))
    worker.learn()


def export(var: Path, out: Path, until: date) -> None:
    log = {"GARDOON_DATABASE_URL": f"sqlite:///{var / 'log.db'}", "GARDOON_VAR": str(var)}

    told = CliRunner().invoke(service_app, ["export-log", "--out", str(out), "--until", str(until)], env=log)

    assert told.exit_code == 0, told.output


def rounds_of(
    var: Path, name: str, since: datetime | None = None
) -> tuple[SpooledLog, list[dict[str, object]]]:
    """What the log says of its rounds, and the columns of these and of those not delivered."""
    named = DecisionLogName.parse(name)
    assert named is not None
    with spooled(named, Places(var=var), since=since) as log:
        chunks = [*log.rounds.chunks(), *log.undelivered.chunks()]
        return log, [{**vars(c.feedback), **vars(c.labels), "behavior": c.behavior} for c in chunks]


def both(shop: Path, what: str) -> tuple[str, str]:
    return f"decisions:{what}", f"parquet:{shop / 'export'}:{what}"


@pytest.mark.parametrize(
    "since", [None, datetime.combine(NOW, datetime.min.time(), UTC) + timedelta(days=1, hours=3)]
)
@pytest.mark.parametrize("what", ["channel", "send_time", "coupon", "lucky_wheel/channel"])
def test_the_export_holds_the_rounds_of_the_log_and_says_the_same_of_them(
    shop: Path, what: str, since: datetime | None
) -> None:
    (log, wanted), (exported, found) = (rounds_of(shop, name, since) for name in both(shop, what))

    for field in fields(LogSummary):
        assert getattr(exported, field.name) == getattr(log, field.name), field.name
    assert len(found) == len(wanted) > (what == "channel")
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_equal(ours, theirs)
        assert ours["contexts"].tobytes() == theirs["contexts"].tobytes()  # the unknown ones, too
    assert log.sample_ratios
    assert log.n_left_out["group holdout"] > 0
    assert log.delay is not None
    if since is None:
        assert log.n_left_out["with the reward window perhaps still open"] > 10


@pytest.mark.parametrize("since", [None, NOW + timedelta(days=1, hours=3)])
def test_the_export_holds_what_every_decision_saw_to_the_last_bit(shop: Path, since: datetime | None) -> None:
    with open_store(f"sqlite:///{shop / 'log.db'}") as log:
        wanted = list(log.vectors(since))

    found = list(LogExport.open(shop / "export").vectors(since))

    assert len(wanted) == A_DAY * (N_DAYS if since is None else 1)
    for ours, theirs in zip(found, wanted, strict=True):
        assert {**vars(ours), "features": None} == {**vars(theirs), "features": None}
        assert ours.features.tobytes() == theirs.features.tobytes()
    assert {len(row.features) for row in found} == {len(load_schema().columns)}
    assert any("rfm:missing" in row.degraded for row in found)
    assert {frozenset(row.scores) for row in found} == {frozenset(SCORES)}


def test_every_estimate_from_the_export_is_that_from_the_log(shop: Path) -> None:
    found = [judgement(shop, name) for name in both(shop, "channel")]

    log, exported = found
    assert exported.evaluation == log.evaluation
    assert exported.differences == log.differences
    assert exported.slices == log.slices
    assert exported.actions == log.actions


def judgement(shop: Path, name: str) -> Judgement:
    rng = np.random.default_rng(0)
    with open_requested(LogRequest(name=name), Places(var=shop), rng) as log:
        return log.judge(
            QuestionText(policy="uniform", against="logged", slices=["click_rate_email>0"]).of(log), rng
        )


def write_segments(folder: Path) -> Path:
    (folder / "segments").mkdir()
    for name, where in {
        "clicks": "{feature: click_rate_email, at_least: 0.5}",
        "here": "{not: {feature: time_zone, one_of: [Mars/Olympus]}}",
        "most": "{top: 3, by: spend_7d}",
    }.items():
        text = f"name: {name}\ndescription: x\nwhere: {where}\n"
        (folder / "segments" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_segment_is_a_slice_of_the_rounds_whose_customers_were_in_it(shop: Path, tmp_path: Path) -> None:
    declared = load_segments(write_segments(tmp_path) / "segments", load_schema())
    segments = RoundSegments.named(("clicks", "here"), declared, load_schema())
    slices = ["segment:clicks", "click_rate_email>=0.5", "segment:here"]

    found = []
    for name in both(shop, "channel"):
        request = LogRequest(name=name, segments=segments)
        with open_requested(request, Places(var=shop), np.random.default_rng(0)) as log:
            question = QuestionText(policy="uniform", against="logged", slices=slices).of(log)
            found.append(log.judge(question, np.random.default_rng(0)).slices)

    of_log, of_export = found
    assert of_export == of_log
    by_name = {each.name: each for each in of_log}
    clicks, outside = by_name["segment:clicks=in"], by_name["segment:clicks=out"]
    assert replace(clicks, name="") == replace(by_name["click_rate_email>=0.5"], name="")
    assert clicks.n_rounds > 5
    assert clicks.n_rounds + outside.n_rounds == by_name["segment:here=in"].n_rounds
    assert "segment:clicks=unknown" not in by_name


def test_the_command_slices_by_a_declared_segment_and_says_what_it_cannot(shop: Path, tmp_path: Path) -> None:
    where = ["--decision-points", str(write_segments(tmp_path)), "--var", str(tmp_path), "--no-log"]
    asked = ["evaluate", "--log", both(shop, "channel")[1], "--policy", "uniform", *where, "--slice"]

    names, page = ("clicks", "most", "nobody"), tmp_path / "page.html"
    told = {
        name: CliRunner().invoke(app, [*asked, f"segment:{name}", "--report", str(page)]) for name in names
    }

    assert told["clicks"].exit_code == 0, told["clicks"].output
    assert "segment:clicks=in" in page.read_text(encoding="utf-8")
    assert "no such segment; there are ['clicks', 'here', 'most']" in told["nobody"].stderr
    assert "ranks the whole base" in told["most"].stderr
    assert (told["most"].exit_code, told["nobody"].exit_code) == (1, 1)


def test_the_command_reads_the_export_where_there_is_no_log(shop: Path, tmp_path: Path) -> None:
    name = both(shop, "cart_abandonment/channel")[1]
    options = ["--policy", "uniform", "--against", "logged", "--var", str(tmp_path), "--no-log"]

    told = CliRunner().invoke(app, ["evaluate", "--log", name, *options])

    assert told.exit_code == 0, told.output
    assert "rounds by journey: cart_abandonment" in " ".join(told.output.split())


def test_what_is_not_exported_yet_is_not_said_to_be_closed(shop: Path, tmp_path: Path) -> None:
    """Two of three days: the learner has long closed the second one's windows, and a fit ends with it all the same."""
    export(shop, tmp_path, NOW.date() + timedelta(days=2))

    log, _ = rounds_of(shop, f"parquet:{tmp_path}:channel")

    midnight = datetime.combine(NOW.date() + timedelta(days=2), datetime.min.time(), UTC)
    assert log.closed_until_us == int(midnight.timestamp()) * 1_000_000
    assert rounds_of(shop, "decisions:channel")[0].closed_until_us > log.closed_until_us


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("wheel/channel", r"'wheel' in the log; there are \['cart_abandonment', 'lucky_wheel'\]"),
        ("colour", "wanted one of channel, send_time, coupon, message"),
        ("", r"names no decision; wanted parquet:DIR:\[JOURNEY/\]"),
    ],
)
def test_a_journey_or_a_decision_that_is_not_there_is_named(shop: Path, what: str, message: str) -> None:
    with pytest.raises(LogError, match=message):
        rounds_of(shop, f"parquet:{shop / 'export'}:{what}")


def test_a_folder_without_an_export_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="`python -m service export-log` writes one"):
        LogExport.open(tmp_path)


def test_an_export_that_is_not_whole_is_refused_saying_where(shop: Path, tmp_path: Path) -> None:
    export(shop, tmp_path, WHOLE)
    second = NOW.date() + timedelta(days=1)
    note, part = (
        tmp_path / "days" / f"{second}.json",
        tmp_path / "decisions" / f"day={second}" / "part.parquet",
    )

    told = note.read_text()
    note.unlink()
    with pytest.raises(LogError, match=f"{NOW.date()} and {second + timedelta(days=1)} and no day between"):
        LogExport.open(tmp_path)

    note.write_text(told.replace(f'"decisions": {A_DAY}', '"decisions": 7'))
    with pytest.raises(LogError, match=f"holds {A_DAY} rows; its day's note says 7"):
        LogExport.open(tmp_path)

    note.write_text(told)
    whole = pq.read_table(part)
    pq.write_table(whole.take(list(range(A_DAY - 1, -1, -1))), part)
    with pytest.raises(LogError, match="wanted them in the order of their ids"):
        rounds_of(shop, f"parquet:{tmp_path}:channel")

    pq.write_table(whole, part)
    for each in tmp_path.glob("rules/*.json"):
        each.unlink()
    with pytest.raises((LogError, TooFewRoundsError), match="was made by rules"):
        rounds_of(shop, f"parquet:{tmp_path}:channel")
