"""Challengers in shadow: each live decision is scored once, off the path, whatever becomes of the challenger."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select

from features.schema import load_schema
from models.artifact import Artifact
from models.catalogue import load_policy
from models.context import Standardizer
from models.inputs import JOURNEY, SCORES, input_names, journey_number
from models.linear_thompson import LinearThompson
from models.uniform_random import UniformRandom
from service.registry import RegistryUnavailableError
from service.shadow import Shadow
from service.shadow_input import logged_inputs
from service.store.decision_log import read_record
from service.store.tables import shadow_progress, shadow_scores
from tests.service.conftest import (
    COUPONS,
    Worker,
    publish_champions,
    starting_policies,
    stored_customer,
)

SCHEMA = load_schema()


@dataclass
class FakeRegistry:
    """Challengers in memory; `away` raises as a registry that does not answer."""

    challengers: dict[str, tuple[str, Artifact]] = field(default_factory=dict)
    away: bool = False

    def version(self, name: str, alias: str) -> str | None:
        assert alias == "challenger"
        if self.away:
            raise RegistryUnavailableError("no answer")
        return self.challengers[name][0] if name in self.challengers else None

    def artifact(self, name: str, version: str) -> Artifact:
        found, artifact = self.challengers[name]
        assert found == version
        return artifact


def shadow_of(worker: Worker, batch: int = 500) -> Shadow:
    def check(name: str, artifact: Artifact) -> None:
        if name not in SCORES:
            load_policy(artifact)

    return Shadow(engine=worker.state.engine, schema=SCHEMA, check=check, batch=batch)


def biased_channel_policy() -> Artifact:
    """A challenger that has seen e-mail clicked."""
    policy = load_policy(starting_policies()["channel_policy"])
    policy.learn_many(np.full((40, 4), 0.5), np.zeros(40, dtype=np.int64), np.ones(40))
    return policy.to_artifact()


def scores(engine: Engine) -> dict[str, tuple[float, float | None]]:
    with engine.connect() as connection:
        rows = connection.execute(select(shadow_scores)).mappings().all()
    return {row["decision_id"]: (row["score"], row["agreement"]) for row in rows}


def decide(worker: Worker, n: int, **request: object) -> list[str]:
    """The ids of n decisions, a second apart and old enough to be looked at."""
    found = []
    for _ in range(n):
        worker.clock.advance(seconds=1)
        found.append(str(worker.decide(customer_id="c1", **request)["decision_id"]))
    worker.clock.advance(minutes=2)
    return found


def test_a_challenger_s_probabilities_of_what_was_decided_since_are_stored(worker: Worker) -> None:
    shadow, challenger = shadow_of(worker), biased_channel_policy()
    decide(worker, 2)
    assert shadow.follow(FakeRegistry({"channel_policy": ("7", challenger)})) == ["channel_policy"]
    shadow.step(worker.clock())
    asked = decide(worker, 3, decide=["channel"])

    stored = shadow.step(worker.clock())

    assert stored == 3
    found, policy = scores(worker.state.engine), load_policy(challenger)
    assert set(found) == set(asked)
    for identity in asked:
        round_ = read_record(worker.state.engine, identity).rounds[0]
        mine = policy.probabilities(round_.context_array(), np.array(round_.eligible))
        assert found[identity][0] == pytest.approx(mine[round_.action])
        assert found[identity][1] == pytest.approx(np.minimum(mine, round_.probabilities).sum())


def test_which_journey_it_was_is_read_from_the_record(worker: Worker) -> None:
    names = input_names(SCHEMA.columns)
    (asked,) = decide(worker, 1, journey="lucky_wheel", decide=["coupon"])
    record = read_record(worker.state.engine, asked)

    inputs = logged_inputs(record, record.rounds[0], names)

    assert inputs[names.index(JOURNEY)] == journey_number("lucky_wheel")


def test_a_challenger_that_is_the_champion_agrees_with_it_altogether(worker: Worker) -> None:
    shadow = shadow_of(worker)
    shadow.follow(FakeRegistry({"send_time_policy": ("2", starting_policies()["send_time_policy"])}))
    shadow.step(worker.clock())
    asked = decide(worker, 2)

    shadow.step(worker.clock())

    for identity in asked:
        rounds = read_record(worker.state.engine, identity).rounds
        propensity = next(r.propensity for r in rounds if r.decision == "send_time")
        assert scores(worker.state.engine)[identity] == pytest.approx((propensity, 1.0))


def test_each_step_is_bounded_and_another_process_goes_on_where_it_stopped(worker: Worker) -> None:
    registry = FakeRegistry({"channel_policy": ("7", biased_channel_policy())})
    first, second = shadow_of(worker, batch=2), shadow_of(worker, batch=2)
    first.follow(registry)
    first.step(worker.clock())
    decide(worker, 5)
    stored = [first.step(worker.clock())]
    second.follow(registry)

    stored += [second.step(worker.clock()) for _ in range(3)]

    assert stored == [2, 2, 1, 0]


def test_decisions_that_did_not_ask_for_the_choice_are_passed_over(worker: Worker) -> None:
    shadow = shadow_of(worker, batch=2)
    shadow.follow(FakeRegistry({"channel_policy": ("7", biased_channel_policy())}))
    shadow.step(worker.clock())
    decide(worker, 2, decide=["coupon"])
    decide(worker, 1, decide=["channel"])

    assert [shadow.step(worker.clock()) for _ in range(2)] == [0, 1]


def test_a_decision_just_made_waits_until_no_earlier_one_can_still_be_committed(worker: Worker) -> None:
    shadow = shadow_of(worker)
    shadow.follow(FakeRegistry({"channel_policy": ("7", biased_channel_policy())}))
    shadow.step(worker.clock())
    worker.clock.advance(seconds=1)
    worker.decide(customer_id="c1")

    at_once = shadow.step(worker.clock())
    worker.clock.advance(minutes=2)

    assert (at_once, shadow.step(worker.clock())) == (0, 1)


def test_a_challenger_that_cannot_be_loaded_or_fails_is_left_out_and_the_others_go_on(worker: Worker) -> None:
    broken = biased_channel_policy()
    broken.arrays["xx"] = np.zeros((2, 3, 3))  # does not fit the other arrays: fails when asked
    registry = FakeRegistry(
        {
            "channel_policy": ("3", broken),
            "coupon_policy": ("4", Artifact({"kind": "linear_thompson"})),
            "send_time_policy": ("2", starting_policies()["send_time_policy"]),
        }
    )
    shadow = shadow_of(worker)
    moved = shadow.follow(registry)
    shadow.step(worker.clock())
    decide(worker, 2)

    stored = [shadow.step(worker.clock()) for _ in range(2)]

    assert moved == ["channel_policy", "send_time_policy"]
    assert stored == [2, 0]
    assert shadow.follow(registry) == []
    registry.challengers["channel_policy"] = ("5", biased_channel_policy())
    assert shadow.follow(registry) == ["channel_policy"]
    assert worker.decide(customer_id="c1")["status"] in ("act", "hold")


def test_a_challenger_that_is_gone_is_scored_no_more_and_a_registry_that_is_away_changes_nothing(
    worker: Worker,
) -> None:
    registry = FakeRegistry({"channel_policy": ("7", biased_channel_policy())})
    shadow = shadow_of(worker)
    shadow.follow(registry)
    shadow.step(worker.clock())
    registry.away = True
    with pytest.raises(RegistryUnavailableError):
        shadow.follow(registry)
    decide(worker, 1)
    away = shadow.step(worker.clock())

    registry.away = False
    registry.challengers.clear()
    shadow.follow(registry)
    decide(worker, 1)

    assert (away, shadow.step(worker.clock())) == (1, 0)


def test_a_policy_of_other_actions_has_no_probability_of_those_logged(worker: Worker) -> None:
    shadow = shadow_of(worker)
    other = UniformRandom(action_names=("fax", "letter")).to_artifact()
    shadow.follow(FakeRegistry({"channel_policy": ("1", other)}))
    shadow.step(worker.clock())
    asked = decide(worker, 1)

    assert shadow.step(worker.clock()) == 0
    with worker.state.engine.connect() as connection:
        assert connection.scalar(select(shadow_progress.c.decision_id)) == asked[0]


def test_inputs_that_the_champion_did_not_want_are_found_in_the_record(worker: Worker) -> None:
    """A coupon champion that wants every input logs them all: that is what must come out without its log, too."""
    names = input_names(SCHEMA.columns)
    thirsty = LinearThompson(
        action_names=COUPONS,
        input_names=names,
        standardizer=Standardizer(np.zeros(len(names)), np.ones(len(names))),
    )
    artifacts = {**starting_policies(), "coupon_policy": thirsty.to_artifact()}
    publish_champions(worker.state.engine, artifacts, worker.clock())
    worker.learn()
    worker.reader.customers["c1"] = stored_customer("c1", recency_days=3.0, time_zone="Europe/Berlin")
    record = read_record(worker.state.engine, decide(worker, 1)[0])
    round_ = next(r for r in record.rounds if r.decision == "coupon")

    blank = replace(round_, inputs=(), context=())

    assert len(record.rounds) == 3
    np.testing.assert_allclose(logged_inputs(record, blank, names), round_.context_array(), rtol=1e-5)


@pytest.mark.slow
def test_a_scorer_scores_the_logged_vectors(worker: Worker) -> None:
    from models.scorer import load_scorer
    from tests.service.real_shop import small_scorer

    artifact = small_scorer("churn_risk", seed=4)
    shadow = shadow_of(worker)
    shadow.follow(FakeRegistry({"churn_risk": ("2", artifact)}))
    shadow.step(worker.clock())
    asked = decide(worker, 2)

    stored = shadow.step(worker.clock())

    scorer = load_scorer(artifact, SCHEMA.columns)
    assert stored == 2
    for identity in asked:
        expected = scorer.score(read_record(worker.state.engine, identity).feature_values())
        assert scores(worker.state.engine)[identity] == (pytest.approx(expected), None)
