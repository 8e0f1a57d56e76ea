"""From the service's log to a new champion that decides: fit on what was decided first, judged on what came after."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from features.encoding import encode
from features.schema import CHANNELS
from models.artifact import Artifact
from models.context import Standardizer
from models.linear_thompson import LinearThompson
from models.policy import uniform
from service.decider import Facts, decide
from service.decision_id import decision_id
from service.decision_point import DecisionPoint
from service.record import DecisionRecord
from service.registry import ChampionRegistry, sync_champions
from service.schemas import DecideRequest, OutcomeItem
from service.store.decision_commit import decision_row
from service.store.outcome_log import record_outcomes
from service.store.tables import decisions
from tests.contract.test_exported_log import export
from tests.service.conftest import (
    Worker,
    publish_champions,
    starting_policies,
    stored_customer,
    without_quiet_hours,
)
from tests.service.test_learner import rounds_learnt
from tests.service.test_outcomes import send
from tests.training.evaluation.in_memory import read_decision_log
from training.cli import app
from training.evaluation.round_labels import microseconds
from training.places import Places

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NAME = "channel_policy"
RATES = np.array([0.05, 0.1, 0.3, 0.5])
"""True click rates of e-mail, SMS, app push and web push."""
CLOSES_AFTER = timedelta(hours=40)
N_ROUNDS = 2_000


def misled_policy() -> Artifact:
    """A champion that 4,000 simulated rounds persuaded of e-mail."""
    plain = LinearThompson.from_artifact(starting_policies()[NAME])
    policy = LinearThompson(
        action_names=CHANNELS,
        input_names=plain.input_names,
        standardizer=Standardizer(np.full(4, 0.5), np.full(4, 0.3)),
        floor=0.05,
        rate=0.1,
    )
    rng = np.random.default_rng(1)
    actions = rng.integers(0, 4, 4_000)
    clicks = rng.random(4_000) < np.array([0.9, 0.2, 0.1, 0.05])[actions]
    policy.learn_many(rng.random((4_000, 4)), actions, clicks.astype(np.float64))
    return policy.to_artifact()


def decide_and_hear_back(worker: Worker, numbers: range) -> list[DecisionRecord]:
    """Decisions a second apart by the real decider into the real log, and what came of them, by the true rates."""
    records = []
    for number in numbers:
        worker.clock.advance(seconds=1)
        now, rng = worker.clock(), np.random.default_rng([5, number])
        rates = {f"click_rate_{channel}": float(rng.random()) for channel in CHANNELS}
        stored = stored_customer(f"c{number}", now, **rates)
        request = {"customer_id": f"c{number}", "journey": "lucky_wheel", "decide": ["channel"]}
        facts = Facts(
            decision_id(int(now.timestamp() * 1000), rng.bytes(10)),
            now,
            DecideRequest.model_validate(request),
            encode(stored, now=now, schema=worker.state.schema),
        )
        records.append(decide(facts, worker.state.feed.current, worker.state.rules["lucky_wheel"]))
    with worker.state.engine.begin() as connection:
        connection.execute(insert(decisions), [decision_row(record) for record in records])
    items = [
        OutcomeItem.model_validate(
            {
                "event_id": record.decision_id,
                "decision_id": record.decision_id,
                "kind": "clicked" if clicks(record) else "delivered",
                "occurred_at": worker.clock(),
            }
        )
        for record in records
    ]
    record_outcomes(worker.state.engine, items, currency="IRT", received_at=worker.clock())
    return records


def clicks(record: DecisionRecord) -> bool:
    return bool(uniform(record.decision_id, "click") < RATES[record.rounds[0].action])


def share_of(channel: str, records: list[DecisionRecord]) -> float:
    mine = [record for record in records if record.group == "decisioning"]
    return sum(record.chosen("channel") == channel for record in mine) / len(mine)


def register(places: Places, artifact: Artifact, alias: str) -> None:
    from training.registry import open_registry

    registry = open_registry(places)
    with registry.run(alias) as run_id:
        registry.register(artifact, NAME, run_id, alias=alias)


@pytest.fixture
def misled(make_worker: Callable[..., Worker], points: dict[str, DecisionPoint], tmp_path: Path) -> Worker:
    """A worker whose channel champion is misled, in the registry as in the log; every other customer is random."""
    shares = {"shares": {"holdout": 0.0, "random": 0.5}}
    worker = make_worker(
        points={
            n: without_quiet_hours(DecisionPoint.model_validate({**p.model_dump(), **shares}))
            for n, p in points.items()
        }
    )
    publish_champions(worker.state.engine, {NAME: misled_policy()}, worker.clock())
    worker.learn()
    register(Places(var=tmp_path), misled_policy(), "champion")
    return worker


def url_of(worker: Worker) -> str:
    return worker.state.engine.url.render_as_string(hide_password=False)


def command(worker: Worker, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `python -m training ...` on the worker's folder and log."""
    places = ["--var", str(worker.state.settings.var), "--database-url", url_of(worker)]
    found = CliRunner().invoke(app, [*arguments, *places])
    return found.exit_code, found.output


def test_a_better_challenger_is_promoted_and_decides_and_a_worse_one_is_refused(
    misled: Worker, tmp_path: Path
) -> None:
    from training.champion import read_version
    from training.registry import CHALLENGER, CHAMPION, open_registry

    places, registry = Places(var=tmp_path), open_registry(Places(var=tmp_path))
    decide_and_hear_back(misled, range(N_ROUNDS))
    misled.clock.advance(hours=41)
    misled.learn()

    fit = ("fit", "policy", NAME, "--from-log", "--no-warm-start")
    fitted = [command(misled, *fit) for _ in range(2)]
    too_early = command(misled, "promote", NAME)

    assert fitted[0][1].endswith("channel_policy: version 2 is challenger\n"), fitted[0][1]
    assert fitted[1][1].endswith("channel_policy: unchanged\n")
    assert too_early[0] == 1
    assert "FAILED  unseen rounds: 0 of 2,000 decided since" in too_early[1]

    before = decide_and_hear_back(misled, range(N_ROUNDS, 2 * N_ROUNDS))
    misled.clock.advance(hours=41)
    misled.learn()
    judged = command(
        misled,
        "evaluate",
        "--log",
        "decisions:channel",
        "--policy",
        "challenger",
        "--against",
        "champion",
        "--no-log",
    )
    promoted = command(misled, "promote", NAME)

    assert judged[0] == 0, judged[1]
    assert "what was decided before taught a policy that is judged" in " ".join(judged[1].split())
    assert re.search(r"rounds\s+│\s+2,000", judged[1]), judged[1]
    assert promoted[0] == 0, promoted[1]
    assert "ok  unseen rounds: 2,000 of 4,000 decided since" in promoted[1]
    assert "version 2 is champion instead of 1" in promoted[1]
    champions = ChampionRegistry(tracking_uri=places.registry_uri)
    engine, points = misled.state.engine, misled.learner.points
    assert sync_champions(engine, champions, misled.state.schema, points, misled.clock()) == [NAME]
    misled.learn()
    assert rounds_learnt(misled, NAME) == 2 * N_ROUNDS  # those that it was fitted on are not learnt again
    after = decide_and_hear_back(misled, range(2 * N_ROUNDS, 2 * N_ROUNDS + 200))
    assert after[0].versions[NAME] != before[-1].versions[NAME]
    assert share_of("web_push", after) > 0.75

    register(places, misled_policy(), CHALLENGER)
    refused = command(misled, "promote", NAME)

    assert refused[0] == 1
    assert "FAILED  difference: -" in refused[1]
    assert "refused: difference" in refused[1]
    assert registry.version_of(NAME, CHAMPION) == "2"
    manifest = read_version(places.registry_uri, NAME, "2").manifest
    assert manifest["n_rounds"] == N_ROUNDS
    assert manifest["started_from"] is None
    assert manifest["reward"]["lucky_wheel"][0]["window_hours"] == 24


def test_a_fit_whose_rewards_were_corrected_since_has_to_be_made_anew(misled: Worker) -> None:
    records = decide_and_hear_back(misled, range(400))
    misled.clock.advance(hours=41)
    misled.learn()
    command(misled, "fit", "policy", NAME, "--from-log", "--no-warm-start")
    decide_and_hear_back(misled, range(400, 800))
    misled.clock.advance(hours=41)
    told = {"event_id": "late", "decision_id": records[0].decision_id, "kind": "unsubscribed"}
    send(misled, {**told, "occurred_at": records[0].effective_at.isoformat()})
    misled.learn()

    code, told_by_gate = command(misled, "promote", NAME, "--least-effective", "10")

    assert code == 1
    assert "FAILED  fitted rounds" in told_by_gate
    assert "fit it anew" in told_by_gate


def test_what_the_champion_has_learnt_by_itself_is_no_reason_to_promote(misled: Worker) -> None:
    """The challenger is the champion's own warm start and the rounds that the learner has long folded into it."""
    for half in (range(400), range(400, 800)):
        decide_and_hear_back(misled, half)
        misled.clock.advance(hours=41)
        misled.learn()
        if half.start == 0:
            command(misled, "fit", "policy", NAME, "--from-log")

    code, told = command(misled, "promote", NAME, "--least-effective", "10")

    assert code == 1
    assert "FAILED  difference: +0 a round" in told


def test_by_the_exported_log_a_fit_is_the_same_to_the_byte_and_the_gate_finds_the_same(
    misled: Worker, tmp_path: Path
) -> None:
    from training.policy_trial import PolicyTrial, judge_policy
    from training.promotion import find_contenders
    from training.registry import open_registry

    places, folder = Places(var=tmp_path), tmp_path / "export"
    exported, nowhere = f"parquet:{folder}", "sqlite:////nowhere/log.db"
    relaxed = ("--database-url", nowhere, "--least-effective", "10")
    fit = ("fit", "policy", NAME, "--from-log", "--no-warm-start")

    def live(numbers: range) -> None:
        decide_and_hear_back(misled, numbers)
        misled.clock.advance(hours=41)
        misled.learn()
        export(tmp_path, folder, misled.clock().date() + timedelta(days=1))

    live(range(400))
    fits = [command(misled, *fit), command(misled, *fit, "--log", exported)]
    one_journey = command(misled, *fit, "--log", f"{exported}:lucky_wheel/channel")
    live(range(400, 800))
    contenders = find_contenders(open_registry(places), NAME)
    by_log, by_export = (
        judge_policy(places, contenders, PolicyTrial(log=log, database_url=url))
        for log, url in (("", url_of(misled)), (exported, nowhere))
    )

    assert fits[0][1].endswith("channel_policy: version 2 is challenger\n"), fits[0][1]
    assert fits[1][1].endswith("channel_policy: unchanged\n"), fits[1][1]
    assert one_journey[0] == 2
    assert "it decides in every journey; wanted decisions:channel or parquet:DIR" in one_journey[1]
    assert by_export == by_log
    assert [each.name for each in by_log.conditions[:2]] == ["unseen rounds", "fitted rounds"]
    assert by_log.conditions[1].holds
    promoted = CliRunner().invoke(app, ["promote", NAME, "--log", exported, "--var", str(tmp_path), *relaxed])
    assert promoted.exit_code == 0, promoted.output
    assert "version 2 is champion instead of 1" in promoted.output


def test_a_fit_ends_where_the_first_window_was_still_open(misled: Worker, tmp_path: Path) -> None:
    from training.registry import open_registry
    from training.retraining import Retraining, retrain_policy

    places = Places(var=tmp_path)
    decide_and_hear_back(misled, range(100))
    misled.clock.advance(hours=30)
    open_ones = decide_and_hear_back(misled, range(100, 150))
    misled.clock.advance(hours=15)
    misled.learn()
    log = read_decision_log(url_of(misled), "channel")
    first_open = open_ones[0].decided_at
    closed = min(first_open, misled.clock() - CLOSES_AFTER)
    fits = [
        retrain_policy(
            open_registry(places),
            places,
            Retraining(name=NAME, kind="lin_ucb", until=until, database_url=url_of(misled)),
        )
        for until in (None, first_open - timedelta(hours=30, seconds=40))
    ]

    assert log.n_left_out == {"with the reward window perhaps still open": 50}
    assert log.closed_until_us == microseconds(closed)
    assert [fit.artifact.manifest["n_rounds"] for fit in fits] == [100, 60]
    assert fits[0].artifact.manifest["learned_until"] == closed.isoformat()
    code, told = command(misled, "fit", "policy", NAME, "--from-log", "--until", "2026-01-01")
    assert code == 2
    assert "none of 100 rounds was decided before 2026-01-01T00:00:00+00:00" in " ".join(told.split())


def test_a_champion_that_was_fitted_on_the_log_is_fitted_anew_from_the_same_warm_start(
    misled: Worker, tmp_path: Path
) -> None:
    """Twice the same log: the second fit starts from version 1, too, not from what the first one had learnt."""
    from training.champion import read_version

    places = Places(var=tmp_path)
    decide_and_hear_back(misled, range(200))
    misled.clock.advance(hours=41)
    misled.learn()
    first = command(misled, "fit", "policy", NAME, "--from-log")
    forced = command(misled, "promote", NAME, "--force", "a test")
    again = command(misled, "fit", "policy", NAME, "--from-log", "--seed", "1")

    one, two = (read_version(places.registry_uri, NAME, version) for version in ("2", "3"))

    assert (first[0], forced[0], again[0]) == (0, 0, 0), first[1] + forced[1] + again[1]
    assert (
        one.manifest["started_from"]
        == two.manifest["started_from"]
        == {"version": "1"} | {"digest": misled_policy().digest}
    )
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, two.arrays[name])


def test_a_boosted_challenger_is_fitted_on_the_log_and_can_decide(misled: Worker, tmp_path: Path) -> None:
    """Its trees are a file of their own, which registry, log and worker hand on."""
    decide_and_hear_back(misled, range(400))
    misled.clock.advance(hours=41)
    misled.learn()
    fit = ("fit", "policy", NAME, "--from-log", "--kind", "boosted_square_cb", "--seed", "4")

    fitted = [command(misled, *fit) for _ in range(2)]
    forced = command(misled, "promote", NAME, "--force", "a test")
    engine, points = misled.state.engine, misled.learner.points
    champions = ChampionRegistry(tracking_uri=Places(var=tmp_path).registry_uri)
    moved = sync_champions(engine, champions, misled.state.schema, points, misled.clock())
    misled.learn()

    assert fitted[0][1].endswith("channel_policy: version 2 is challenger\n"), fitted[0][1]
    assert fitted[1][1].endswith("channel_policy: unchanged\n")
    assert (forced[0], moved) == (0, [NAME]), forced[1]
    assert share_of("web_push", decide_and_hear_back(misled, range(400, 500))) > 0.3  # the misled one: 0.05


def test_the_rewards_must_lie_in_a_logistic_policy_s_range(misled: Worker) -> None:
    decide_and_hear_back(misled, range(100))
    misled.clock.advance(hours=41)
    misled.learn()
    fit = ("fit", "policy", NAME, "--from-log", "--kind", "logistic_thompson")

    refused, given = command(misled, *fit), command(misled, *fit, "--reward-range=-1.01:1")

    assert refused[0] == 2
    assert "of logistic_thompson: they reach from -0.002" in " ".join(refused[1].split())
    assert given[0] == 0, given[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wheel_policy",), "no policy 'wheel_policy'; wanted one of channel_policy"),
        ((NAME, "--kind", "lin_ucb"), "want --from-log"),
        ((NAME, "--from-log", "--reward-range", "0"), "is no LOW:HIGH"),
        (("coupon_policy", "--from-log"), "has no champion of coupon_policy"),
        ((NAME, "--from-log"), "has no champion of channel_policy"),
    ],
)
def test_what_cannot_be_fitted_says_why(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    found = CliRunner().invoke(app, ["fit", "policy", *arguments, "--var", str(tmp_path)])

    assert found.exit_code == 2
    assert message in " ".join(found.output.replace("│", " ").split())
