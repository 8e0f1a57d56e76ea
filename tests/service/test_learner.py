"""The fold from outcomes to snapshots: what is learnt, when, once, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.event import listen, remove

from models.artifact import Artifact, ArtifactError
from models.boosted_square_cb import BoostedSquareCB
from models.catalogue import load_policy
from models.feedback import LoggedFeedback
from models.linear_thompson import LinearThompson
from service.decision_point import DecisionPoint
from service.learner import Learner
from service.reward_change import find_changes
from service.store.artifact_store import get_artifact, newest_snapshot
from service.store.decision_log import read_record
from service.store.tables import decisions, folds, rewards
from tests.service.conftest import (
    Worker,
    publish_champions,
    starting_policies,
    stored_customer,
    without_quiet_hours,
)
from tests.service.test_outcomes import outcome, send


def published(worker: Worker, policy_name: str) -> Artifact:
    """The newest snapshot's policy."""
    with worker.state.engine.connect() as connection:
        snapshot = newest_snapshot(connection)
    assert snapshot is not None
    return get_artifact(worker.state.engine, snapshot.policies[policy_name])


def rounds_learnt(worker: Worker, policy_name: str) -> float:
    """How many rounds the newest snapshot's policy has learnt, open ones as far as they count."""
    return float(np.asarray(published(worker, policy_name).arrays["count"]).sum())


NOW_AND_SOME = {"eligible": {"send_time": ["13"]}, "excluded": {"coupon": ["none"]}}
"""A wheel's message goes out in the present hour, so that its window opens at once."""


def rewards_of(engine: Engine) -> dict[str, tuple[str, float]]:
    with engine.connect() as connection:
        rows = connection.execute(select(rewards)).mappings().all()
    return {row["decision"]: (row["state"], row["reward"]) for row in rows}


def test_a_click_is_learnt_by_channel_and_send_time_and_changes_the_answers_version(worker: Worker) -> None:
    before = worker.decide(customer_id="c1", **NOW_AND_SOME)
    worker.clock.advance(minutes=30)
    send(worker, outcome(before["decision_id"]))

    worker.learn()

    after = worker.decide(customer_id="c1", excluded={"coupon": ["none"]})
    assert after["versions"]["snapshot"] == "2"
    assert after["versions"]["channel_policy"] != before["versions"]["channel_policy"]
    assert rewards_of(worker.state.engine)["channel"] == ("open", 1 - 0.002)


def test_an_open_round_counts_the_more_the_longer_it_is_silent_and_whole_when_its_window_closes(
    worker: Worker,
) -> None:
    decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
    send(worker, outcome(decided["decision_id"], kind="delivered"))
    counted = []

    for hours in (2, 2, 2, 2, 20):
        worker.clock.advance(hours=hours)
        worker.learn()
        counted.append(rounds_learnt(worker, "channel_policy"))

    assert 0.5 < counted[0] < counted[1] < counted[2] < counted[3] < counted[4] == 1
    assert rewards_of(worker.state.engine)["channel"] == ("resolved", -0.002)


def test_what_was_not_reported_as_delivered_is_not_learnt_as_zero(worker: Worker) -> None:
    worker.decide(customer_id="c1", **NOW_AND_SOME)
    worker.clock.advance(hours=10)

    worker.learn()

    assert rounds_learnt(worker, "channel_policy") == 0
    assert rounds_learnt(worker, "coupon_policy") > 0.5  # shown on the page that asked


def test_when_the_window_closes_what_was_open_leaves_no_trace_but_the_round(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
    for hours, event in ((1, "delivered"), (2, "clicked"), (30, None)):
        worker.clock.advance(hours=hours)
        if event:
            send(
                worker, outcome(decided["decision_id"], event, event, occurred_at=worker.clock().isoformat())
            )
        worker.learn()
    record = read_record(worker.state.engine, str(decided["decision_id"]))
    round_ = next(r for r in record.rounds if r.decision == "channel")
    taught = load_policy(starting_policies()["channel_policy"])
    taught.learn_one(round_.context_array(), round_.action, 1 - 0.002)

    found = published(worker, "channel_policy").arrays

    for name, wanted in taught.to_artifact().arrays.items():
        np.testing.assert_allclose(found[name], wanted, atol=1e-12)


def test_a_learner_that_starts_anew_sees_the_open_rounds_as_the_last_one_did(worker: Worker) -> None:
    for number in range(3):
        decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
        kind = ("delivered", "clicked", "opened")[number]
        send(worker, outcome(decided["decision_id"], f"e{number}", kind))
        worker.clock.advance(minutes=20)
        worker.learn()
    worker.clock.advance(hours=1)
    worker.learn()
    went_on = published(worker, "channel_policy").arrays

    worker.clock.advance(minutes=16)
    worker.learner.step(worker.clock())
    gone_on = published(worker, "channel_policy").arrays
    Learner(worker.state.engine, worker.learner.points).step(worker.clock() + timedelta(minutes=16))
    anew = published(worker, "channel_policy").arrays

    assert went_on["count"].sum() < gone_on["count"].sum() < anew["count"].sum() < 3
    np.testing.assert_allclose(anew["rx"][:, 0], gone_on["rx"][:, 0], atol=0.01)


def test_without_news_open_rounds_are_counted_again_every_quarter_of_an_hour(worker: Worker) -> None:
    send(worker, outcome(worker.decide(customer_id="c1", **NOW_AND_SOME)["decision_id"]))
    worker.learn()
    worker.clock.advance(minutes=10)

    early = worker.learner.step(worker.clock())
    worker.clock.advance(minutes=10)
    due = worker.learner.step(worker.clock())

    assert early is None
    assert due is not None


def test_a_step_that_fails_leaves_nothing_behind_and_the_next_learns_once(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
    send(worker, outcome(decided["decision_id"]))
    worker.clock.advance(hours=30)
    with worker.state.engine.begin() as connection:
        kept = connection.execute(select(folds)).mappings().all()
        connection.execute(delete(folds))

    with pytest.raises(ArtifactError, match="no learnt state"):
        worker.learner.step(worker.clock())
    after_failure = rewards_of(worker.state.engine)
    with worker.state.engine.begin() as connection:
        connection.execute(insert(folds), [dict(row) for row in kept])
    worker.learn()

    assert after_failure == {}
    assert rounds_learnt(worker, "channel_policy") == 1


def test_a_step_reads_nothing_more_once_it_writes(worker: Worker) -> None:
    """On SQLite no decision is written meanwhile."""
    decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
    worker.clock.advance(minutes=30)
    send(worker, outcome(decided["decision_id"]))
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    listen(worker.state.engine, "before_cursor_execute", note)
    worker.learner.step(worker.clock())

    remove(worker.state.engine, "before_cursor_execute", note)
    first = next(place for place, each in enumerate(said) if not each.startswith("SELECT"))
    assert first > 5
    assert [each for each in said[first:] if each.startswith("SELECT")] == []


def test_a_step_takes_in_what_was_committed_late_and_leaves_out_what_the_last_one_looked_at(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[list[str]] = []

    def spy(connection: Any, points: Any, decision_ids: list[str], now: Any) -> Any:
        looked_at.append(decision_ids)
        return find_changes(connection, points, decision_ids, now)

    def step() -> list[str]:
        worker.learner.step(worker.clock())
        return looked_at[-1]

    monkeypatch.setattr("service.learner.find_changes", spy)
    worker.learner.step(worker.clock())
    first = worker.decide(customer_id="c1", **NOW_AND_SOME)["decision_id"]
    worker.clock.advance(seconds=5)

    assert step() == [first]
    worker.clock.advance(seconds=-1)
    late = worker.decide(customer_id="c2", **NOW_AND_SOME)["decision_id"]
    worker.clock.advance(seconds=3)
    assert step() == [late]
    worker.clock.advance(seconds=3)
    assert step() == []
    worker.clock.advance(hours=24)
    assert set(step()) == {first, late}  # the windows of the wheel's choices are over


def test_delivered_without_a_click_is_zero_once_the_window_closed(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", excluded={"coupon": ["none"]})
    send(worker, outcome(decided["decision_id"], kind="delivered"))
    worker.clock.advance(hours=60)

    worker.learn()

    assert rewards_of(worker.state.engine)["channel"] == ("resolved", -0.002)
    assert rounds_learnt(worker, "channel_policy") == 1


def test_undelivered_is_no_reward_at_all(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", excluded={"coupon": ["none"]})
    send(worker, outcome(decided["decision_id"], kind="undelivered"))
    worker.clock.advance(hours=60)

    worker.learn()

    assert rewards_of(worker.state.engine)["channel"][0] == "void"
    assert rounds_learnt(worker, "channel_policy") == 0


def test_silence_is_no_zero_where_deliveries_are_reported(worker: Worker) -> None:
    worker.decide(customer_id="c1", excluded={"coupon": ["none"]})
    worker.clock.advance(hours=60)

    worker.learn()

    assert rewards_of(worker.state.engine)["channel"][0] == "void"
    assert rewards_of(worker.state.engine)["coupon"][0] == "resolved"  # shown on the page that asked


def test_a_purchase_earns_margin_less_coupon_and_a_refund_takes_it_back(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", decide=["coupon"], eligible={"coupon": ["20000"]})
    identity = decided["decision_id"]
    send(
        worker,
        outcome(identity, "buy", "purchased", value=500_000, currency="IRT"),
        outcome(identity, "use", "redeemed", value=20_000, currency="IRT"),
    )
    worker.clock.advance(hours=30)
    worker.learn()
    earned = rewards_of(worker.state.engine)["coupon"]

    send(worker, outcome(identity, "back", "refunded", value=500_000, currency="IRT"))
    worker.learn()

    assert earned == ("resolved", pytest.approx(0.2 * 500 - 20))
    assert rewards_of(worker.state.engine)["coupon"] == ("resolved", pytest.approx(-20))
    assert rounds_learnt(worker, "coupon_policy") == 1


def test_where_nothing_was_sent_there_is_no_click_to_learn_but_the_offer_of_none_is_judged(
    worker: Worker,
) -> None:
    decided = worker.decide(customer_id="c1", eligible={"coupon": ["none"]})
    worker.clock.advance(hours=60)

    worker.learn()

    assert decided["status"] == "hold"
    assert {name: state for name, (state, _) in rewards_of(worker.state.engine).items()} == {
        "channel": "void",
        "send_time": "void",
        "coupon": "resolved",
    }


def test_learning_again_without_news_publishes_nothing(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", excluded={"coupon": ["none"]})
    send(worker, outcome(decided["decision_id"]))
    worker.learn()

    published = [worker.learner.step(worker.clock()) for _ in range(3)]

    assert published == [None, None, None]


def test_a_learner_that_starts_anew_goes_on_where_the_last_one_committed(worker: Worker) -> None:
    first, second = (worker.decide(customer_id="c1", **NOW_AND_SOME) for _ in range(2))
    send(worker, outcome(first["decision_id"], "e1"))
    worker.clock.advance(hours=30)
    worker.learn()
    send(worker, outcome(second["decision_id"], "e2"))

    Learner(worker.state.engine, worker.learner.points).step(worker.clock())

    assert rounds_learnt(worker, "channel_policy") == 2


def test_a_new_champion_is_brought_up_to_date_with_every_reward(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
    send(worker, outcome(decided["decision_id"]))
    worker.clock.advance(hours=30)
    worker.learn()
    artifacts = starting_policies()
    champion = load_policy(artifacts["channel_policy"])
    assert isinstance(champion, LinearThompson)
    champion.floor = 0.1
    publish_champions(
        worker.state.engine, {**artifacts, "channel_policy": champion.to_artifact()}, worker.clock()
    )

    worker.learn()

    with worker.state.engine.connect() as connection:
        snapshot = newest_snapshot(connection)
    assert snapshot is not None
    assert get_artifact(worker.state.engine, snapshot.policies["channel_policy"]).manifest["floor"] == 0.1
    assert rounds_learnt(worker, "channel_policy") == 1


def test_a_champion_that_moves_leaves_what_the_others_have_learnt(worker: Worker) -> None:
    """Also of rounds that are no longer in the log."""
    decided = worker.decide(customer_id="c1", **NOW_AND_SOME)
    send(worker, outcome(decided["decision_id"]))
    worker.clock.advance(hours=30)
    worker.learn()
    with worker.state.engine.begin() as connection:
        connection.execute(delete(rewards))
        connection.execute(delete(decisions))
    coupon = load_policy(starting_policies()["coupon_policy"])
    coupon.floor = 0.1
    publish_champions(worker.state.engine, {"coupon_policy": coupon.to_artifact()}, worker.clock())

    worker.learn()

    assert published(worker, "coupon_policy").manifest["floor"] == 0.1
    assert rounds_learnt(worker, "coupon_policy") == 0
    assert rounds_learnt(worker, "channel_policy") == 1


@pytest.mark.slow
def test_a_policy_fitted_in_batches_stays_as_registered_while_the_others_learn(worker: Worker) -> None:
    from models.scorer import fit_boosted_rewards

    artifacts = starting_policies()
    names = load_policy(artifacts["channel_policy"])
    rng = np.random.default_rng(1)
    log = LoggedFeedback(
        contexts=rng.random((400, len(names.input_names))),
        actions=rng.integers(0, names.n_actions, 400),
        rewards=rng.random(400),
        propensities=np.full(400, 1 / names.n_actions),
        eligible=np.ones((400, names.n_actions), dtype=np.bool_),
        input_names=names.input_names,
        action_names=names.action_names,
    )
    trees = fit_boosted_rewards(log, seed=1, n_trees=5)
    boosted = BoostedSquareCB(
        action_names=log.action_names, input_names=log.input_names, rewards=trees, gamma=1.0
    ).to_artifact()
    publish_champions(worker.state.engine, {**artifacts, "channel_policy": boosted}, worker.clock())
    worker.learn()

    send(worker, outcome(worker.decide(customer_id="c1", **NOW_AND_SOME)["decision_id"]))
    worker.clock.advance(hours=30)
    worker.learn()

    with worker.state.engine.connect() as connection:
        snapshot = newest_snapshot(connection)
    assert snapshot is not None
    assert snapshot.policies["channel_policy"] == boosted.digest
    assert rounds_learnt(worker, "send_time_policy") == 1
    assert rewards_of(worker.state.engine)["channel"][0] == "resolved"


def test_clicks_on_one_channel_make_it_more_probable(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points={name: without_quiet_hours(point) for name, point in points.items()})
    worker.reader.customers["c1"] = stored_customer("c1", recency_days=3.0)
    for number in range(60):
        decided = worker.decide(customer_id="c1", excluded={"coupon": ["none"]})
        kind = "clicked" if decided["channel"] == "email" else "delivered"
        send(worker, outcome(decided["decision_id"], f"e{number}", kind))
    worker.clock.advance(hours=60)

    worker.learn()

    chances = worker.decide(customer_id="c1", explain="scores", decide=["channel"])["probabilities"][
        "channel"
    ]
    assert chances["email"] > 0.9
