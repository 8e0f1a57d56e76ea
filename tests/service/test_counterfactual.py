"""Counterfactuals: what bound a choice and what flips it, found again by changing the thing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.context import Standardizer
from models.inputs import BUDGET_PRICE
from models.linear_thompson import LinearThompson
from models.policy import choose, uniform
from service.counterfactual import HALVINGS, REACH, STEP, counterfactual_of
from service.decision_point import DecisionPoint
from service.drawing import Drawing, first_of
from service.guardrails.mask import Mask
from service.guardrails.reason import Found
from tests.service.conftest import Worker, stored_customer
from tests.service.test_verify import run_verify

ACTIONS = ("none", "10000", "20000")
INPUTS = ("recency_days", "spend_28d", BUDGET_PRICE, "channel_sms")


def taught_policy() -> LinearThompson:
    """A policy that learnt to give less to whoever came lately and spent much."""
    rng = np.random.default_rng(5)
    policy = LinearThompson(
        action_names=ACTIONS,
        input_names=INPUTS,
        standardizer=Standardizer(np.array([30.0, 500.0, 0.0, 0.0]), np.array([10.0, 200.0, 1.0, 1.0])),
        floor=0.01,
    )
    contexts = np.column_stack(
        [rng.normal(30, 10, 600), rng.normal(500, 200, 600), np.zeros(600), np.zeros(600)]
    )
    actions = rng.integers(0, 3, 600)
    rewards = (actions - 1) * (contexts[:, 0] - 30) / 10 + 0.1 * rng.standard_normal(600)
    policy.learn_many(contexts, actions, rewards)
    return policy


POLICY = taught_policy()


def drawing(decision_id: str, context: list[float], rules: dict[str, list[str]] | None = None) -> Drawing:
    mask = Mask("coupon", ACTIONS)
    for rule, names in (rules or {}).items():
        mask.remove(rule, names, rule, Found(1, 1))
    return Drawing(decision_id, mask, np.array(context), POLICY.probabilities, POLICY)


def chosen_by(decision_id: str, context: Any, open_actions: set[str]) -> str:
    eligible = np.array([name in open_actions for name in ACTIONS])
    probabilities = POLICY.probabilities(np.asarray(context, dtype=float), eligible)
    return ACTIONS[choose(probabilities, uniform(decision_id, "coupon"))]


RULES = st.dictionaries(
    st.sampled_from(["budget", "coupon_life", "cap:daily"]),
    st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(st.uuids().map(str), RULES, st.floats(0, 60))
def test_a_rule_binds_exactly_where_leaving_it_away_gives_another_choice(
    decision_id: str, rules: dict[str, list[str]], recency: float
) -> None:
    context = [recency, 500.0, 0.0, 0.0]

    def chosen(without: str | None) -> str | None:
        taken = {name for rule, names in rules.items() if rule != without for name in names}
        left = set(ACTIONS) - taken
        return chosen_by(decision_id, context, left) if left else None

    found = counterfactual_of(drawing(decision_id, context, rules))

    assert found.chosen == chosen(None)
    assert {each.rule: each.choice for each in found.bound_by} == {
        rule: chosen(rule) for rule in rules if chosen(rule) != chosen(None)
    }


@settings(max_examples=40, deadline=None)
@given(st.uuids().map(str), st.floats(0, 60), st.floats(100, 900))
def test_the_nearest_change_flips_the_choice_and_no_shorter_one_on_the_grid_does(
    decision_id: str, recency: float, spend: float
) -> None:
    context = [recency, spend, 0.0, 0.0]

    found = counterfactual_of(drawing(decision_id, context))

    chosen = chosen_by(decision_id, context, set(ACTIONS))
    nearest = found.nearest
    reached = REACH if nearest is None else abs(nearest.standard_deviations) - STEP / 2**HALVINGS
    for place, scale in ((0, 10.0), (1, 200.0), (2, 1.0)):
        for by in np.arange(STEP, reached + 1e-9, STEP):
            for sign in (-1, 1):
                moved = list(context)
                moved[place] += sign * by * scale
                moved[2] = max(moved[2], 0.0)
                assert chosen_by(decision_id, moved, set(ACTIONS)) == chosen
    if nearest is not None:
        moved = list(context)
        moved[INPUTS.index(nearest.input)] = nearest.moved_to
        assert chosen_by(decision_id, moved, set(ACTIONS)) == nearest.choice != chosen
        assert nearest.input != "channel_sms"


def test_the_input_that_matters_is_the_one_that_is_named() -> None:
    named = [
        counterfactual_of(drawing(f"d{number}", [33.0, 500.0, 0.0, 0.0])).nearest for number in range(40)
    ]

    inputs = [each.input for each in named if each is not None]
    assert len(inputs) > 20
    assert inputs.count("recency_days") > 0.9 * len(inputs)


def test_an_unknown_input_is_moved_from_its_mean() -> None:
    found = [
        counterfactual_of(drawing(f"d{number}", [float("nan"), 500.0, 0.0, 0.0])) for number in range(30)
    ]

    flips = [each.nearest for each in found if each.nearest and each.nearest.input == "recency_days"]
    assert flips
    for flip in flips:
        assert flip.value is None
        assert flip.moved_to == pytest.approx(30.0 + 10.0 * flip.standard_deviations)


def test_a_choice_that_no_input_moves_has_no_nearest_change() -> None:
    mask = Mask("coupon", ACTIONS)

    found = counterfactual_of(Drawing("d", mask, np.array([]), first_of(ACTIONS, ["10000"]), None))

    assert (found.chosen, found.nearest) == ("10000", None)


def test_the_answer_tells_which_constraint_bound_it_and_can_be_made_again_to_the_byte(
    worker: Worker,
) -> None:
    worker.reader.customers["c2"] = stored_customer("c2", sms_blacklisted=True, consent_email=False)

    answers = [worker.decide(customer_id="c2", explain="counterfactual") for _ in range(20)]

    for answer in answers:
        told = answer["counterfactuals"]["channel"]
        assert told["chosen"] in ("app_push", "web_push")
        assert {each["rule"] for each in told["bound_by"]} <= {"sms_blacklist", "consent"}
    assert any(answer["counterfactuals"]["channel"]["bound_by"] for answer in answers)
    assert set(answers[0]["probabilities"]) <= set(answers[0]["counterfactuals"])
    verified = run_verify(worker)
    assert (verified.reenacted, verified.differing) == (20, [])


def test_a_suppressed_decision_tells_what_would_have_been_chosen(worker: Worker) -> None:
    worker.reader.customers["c3"] = stored_customer(
        "c3", **{f"consent_{channel}": False for channel in ("email", "sms", "app_push", "web_push")}
    )

    answer = worker.decide(customer_id="c3", explain="counterfactual")

    assert answer["status"] == "suppressed"
    (bound,) = answer["counterfactuals"]["channel"]["bound_by"]
    assert bound["rule"] == "consent"
    assert bound["choice"] is not None


@pytest.mark.parametrize("explain", ["none", "scores"])
def test_it_is_not_worked_out_unless_asked_for(worker: Worker, explain: str) -> None:
    assert worker.decide(customer_id="c1", explain=explain)["counterfactuals"] is None


def test_asking_for_it_changes_neither_choices_nor_reasons(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    """Two workers whose ids are drawn alike decide the same, whatever is to be explained."""
    told = []
    for explain in ("scores", "counterfactual"):
        worker = make_worker(points=points)
        worker.reader.customers["c1"] = stored_customer("c1", recency_days=3.0)
        answers = [worker.decide(customer_id="c1", explain=explain, dry_run=True) for _ in range(5)]
        told.append([{**answer, "counterfactuals": None} for answer in answers])

    assert told[0] == told[1]
