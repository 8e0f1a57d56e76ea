"""Laws that every policy in the catalogue keeps; a new policy needs one line in `FRESH` to be held to all of them.

A name in `FRESH` is a policy's kind, with "_shared" behind it where its actions share one regression. Policies that are
fitted in batches keep the laws that are not about learning; of approximate ones, merging, taking back and the order of
rounds are held to what they make of probabilities instead of to equal sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from scipy.stats import chisquare, kstest

from models.artifact import Artifact, ArtifactError
from models.boosted_square_cb import BoostedSquareCB
from models.catalogue import POLICIES, load_policy
from models.channel import ChannelThompson
from models.context import Standardizer
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.epsilon_greedy import EpsilonGreedy
from models.feedback import LoggedFeedback
from models.fixed_rule import FixedRule
from models.inputs import JOURNEY
from models.lin_ucb import LinUCB
from models.linear_statistics import LinearStatistics
from models.linear_thompson import LinearThompson
from models.logistic_thompson import LogisticThompson
from models.policy import FixedPolicyError, NoEligibleActionError, Policy, choose, uniform
from models.send_time import SendTimeThompson
from models.square_cb import SquareCB
from models.uniform_random import UniformRandom

COUPONS = ("none", "10000", "20000", "30000")
INPUTS = ("recency_days", "churn_risk")

LINEAR: dict[str, object] = {
    "action_names": COUPONS,
    "input_names": INPUTS,
    "standardizer": Standardizer(np.array([30.0, 0.5]), np.array([20.0, 0.25])),
}
KINDS_OF_COUPON = np.array([[0.0, 0.0], [1.0, 0.1], [1.0, 0.9], [1.0, 0.2]])  # is one, its pull


def boosted() -> Policy:
    """A policy over small trees; imports LightGBM."""
    from models.scorer import fit_boosted_rewards

    rng = np.random.default_rng(17)
    actions = rng.integers(0, len(COUPONS), 400)
    feedback = LoggedFeedback(
        contexts=rng.normal(size=(400, 2)) * 50,
        actions=actions,
        rewards=rng.normal(size=400) + actions,
        propensities=np.full(400, 1 / len(COUPONS)),
        eligible=np.ones((400, len(COUPONS)), dtype=np.bool_),
        input_names=INPUTS,
        action_names=COUPONS,
    )
    rewards = fit_boosted_rewards(feedback, seed=1, n_trees=10, smallest_leaf=20)
    return BoostedSquareCB(action_names=COUPONS, input_names=INPUTS, rewards=rewards, gamma=3.0)


FRESH: dict[str, Callable[[], Policy]] = {
    "channel_thompson": lambda: ChannelThompson(
        action_names=("email", "sms", "app_push"),
        input_names=("click_rate_email", "click_rate_sms", "click_rate_app_push"),
        standardizer=Standardizer(np.zeros(3), np.full(3, 20.0)),
    ),
    "coupon_thompson": lambda: CouponThompson(**LINEAR, effect_inputs=("churn_risk",), effect_scale=1.0),
    "coupon_by_journey": lambda: CouponByJourney(
        start=CouponThompson(**LINEAR, effect_inputs=("churn_risk",), effect_scale=1.0)
    ),
    "boosted_square_cb": boosted,
    "epsilon_greedy": lambda: EpsilonGreedy(**LINEAR),
    "epsilon_greedy_shared": lambda: EpsilonGreedy(**LINEAR, action_features=KINDS_OF_COUPON),
    "fixed_rule": lambda: FixedRule(
        action_names=COUPONS,
        input_names=INPUTS,
        thresholds=((14.0,), (0.3, 0.7)),
        table=(("none", "none", "10000"), ("10000", "20000", "30000")),
    ),
    "lin_ucb": lambda: LinUCB(**LINEAR),
    "lin_ucb_shared": lambda: LinUCB(**LINEAR, action_features=KINDS_OF_COUPON),
    "linear_thompson": lambda: LinearThompson(**LINEAR),
    "linear_thompson_shared": lambda: LinearThompson(**LINEAR, action_features=KINDS_OF_COUPON),
    "logistic_thompson": lambda: LogisticThompson(**LINEAR, low=-10.0, high=10.0),
    "send_time_thompson": lambda: SendTimeThompson(population=np.arange(1.0, 25.0) / 300),
    "square_cb": lambda: SquareCB(**LINEAR),
    "square_cb_shared": lambda: SquareCB(**LINEAR, action_features=KINDS_OF_COUPON),
    "uniform_random": lambda: UniformRandom(action_names=COUPONS, input_names=INPUTS),
}
FITTED_IN_BATCHES = {"boosted_square_cb"}
APPROXIMATE = {"logistic_thompson"}
LEARNERS = sorted(FRESH.keys() - {"fixed_rule", "uniform_random"} - FITTED_IN_BATCHES)
SUMS = {field.name for field in fields(LinearStatistics)} | {"curvature", "shift"}

Rounds = tuple[np.ndarray, np.ndarray, np.ndarray]


def contexts_of(policy: Policy, rng: np.random.Generator, n: int) -> np.ndarray:
    """Contexts as this policy may meet them: numbers of the usual size, a fifth unknown, hours in whole numbers."""
    contexts = np.where(rng.random((n, len(policy.input_names))) < 0.2, np.nan, rng.normal(size=(n, 1)) * 50)
    for place, name in enumerate(policy.input_names):
        if name == JOURNEY:
            contexts[:, place] = np.array([1.0, 2.0, np.nan])[rng.integers(0, 3, n)]
        elif name == "local_hour":
            contexts[:, place] = rng.integers(0, 24, n)
        elif name.startswith("activity_by_hour_"):
            contexts[:, place] = np.where(np.isnan(contexts[:, place]), np.nan, rng.random(n) / 12)
    return contexts


def rounds_of(policy: Policy, seed: int, n: int = 60) -> Rounds:
    rng = np.random.default_rng(seed)
    actions = rng.integers(0, policy.n_actions, n)
    return contexts_of(policy, rng, n), actions, rng.normal(size=n) * 2 + actions / policy.n_actions


def learnt(kind: str, seed: int = 1) -> Policy:
    policy = FRESH[kind]()
    if policy.learns_online:
        policy.learn_many(*rounds_of(policy, seed))
    return policy


def sums(policy: Policy) -> dict[str, np.ndarray]:
    """What the policy learnt: the arrays of its artifact that are sums over rounds."""
    return {name: array for name, array in policy.to_artifact().arrays.items() if name in SUMS}


def assert_same_sums(found: Policy, wanted: Policy) -> None:
    for name, array in sums(wanted).items():
        np.testing.assert_allclose(sums(found)[name], array, rtol=1e-9, atol=1e-9, err_msg=name)


def assert_same_knowledge(found: Policy, wanted: Policy) -> None:
    """Equal sums, or where the model is approximate, probabilities within 0.03."""
    if wanted.kind not in APPROXIMATE:
        assert_same_sums(found, wanted)
        return
    contexts = contexts_of(wanted, np.random.default_rng(18), 30)
    everything = np.ones((30, wanted.n_actions), dtype=np.bool_)
    mine, theirs = (policy.probabilities_many(contexts, everything) for policy in (found, wanted))
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=0.03)


def params(names: set[str]) -> list[object]:
    """The names as parameters, those that import LightGBM marked slow."""
    return [
        pytest.param(name, marks=pytest.mark.slow) if name in FITTED_IN_BATCHES else name
        for name in sorted(names)
    ]


@pytest.fixture(params=params(set(FRESH)))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(FRESH.keys() - FITTED_IN_BATCHES))
def online_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


every_policy = pytest.mark.parametrize("kind", params(set(FRESH)))


@pytest.mark.slow
def test_every_policy_of_the_catalogue_is_held_to_the_laws() -> None:
    fresh = {name: new() for name, new in FRESH.items()}

    assert {policy.kind for policy in fresh.values()} == POLICIES.keys()
    assert all(type(policy) is POLICIES[policy.kind] for policy in fresh.values())
    assert all(name.removesuffix("_shared") == policy.kind for name, policy in fresh.items())


# Probabilities


@every_policy
@settings(deadline=None)
@given(data=st.data())
def test_probabilities_are_a_distribution_over_the_eligible_actions_with_a_floor(
    kind: str, data: st.DataObject
) -> None:
    if kind not in MEMORY:
        MEMORY[kind] = learnt(kind)
    policy = MEMORY[kind]
    numbers = st.one_of(st.floats(-1e12, 1e12), st.just(np.nan))
    context = data.draw(stn.arrays(np.float64, len(policy.input_names), elements=numbers))
    eligible = data.draw(stn.arrays(np.bool_, policy.n_actions).filter(np.any))

    found = policy.probabilities(context, eligible)

    assert found.shape == (policy.n_actions,)
    assert (found[~eligible] == 0).all()
    assert (found[eligible] >= policy.floor).all()
    assert (found[eligible] > 0).all() or policy.floor == 0
    assert found.sum() == pytest.approx(1.0, abs=1e-9)


MEMORY: dict[str, Policy] = {}


def test_a_single_eligible_action_is_certain(kind: str) -> None:
    policy = learnt(kind)
    context = contexts_of(policy, np.random.default_rng(0), 1)[0]

    for only in np.eye(policy.n_actions, dtype=np.bool_):
        assert policy.probabilities(context, only) == pytest.approx(only.astype(float), abs=1e-12)


def test_nothing_eligible_is_an_error_that_names_the_actions(kind: str) -> None:
    policy = FRESH[kind]()
    context = contexts_of(policy, np.random.default_rng(0), 1)[0]

    with pytest.raises(NoEligibleActionError, match=policy.action_names[0]):
        policy.probabilities(context, np.zeros(policy.n_actions, dtype=np.bool_))


@pytest.mark.parametrize("n_together", [1, 2, 9, 33])
def test_decisions_made_together_get_what_each_would_get_alone_to_the_bit(kind: str, n_together: int) -> None:
    policy = learnt(kind)
    rng = np.random.default_rng(n_together)
    contexts = contexts_of(policy, rng, n_together)
    eligible = rng.random((n_together, policy.n_actions)) < 0.6
    eligible[:, 0] = True

    found = policy.probabilities_together(contexts, eligible)

    alone = np.array([policy.probabilities(x, e) for x, e in zip(contexts, eligible, strict=True)])
    assert found.tobytes() == alone.tobytes()


def test_many_rounds_get_what_each_would_get_alone(kind: str) -> None:
    policy = learnt(kind)
    rng = np.random.default_rng(2)
    contexts, eligible = contexts_of(policy, rng, 20), rng.random((20, policy.n_actions)) < 0.6
    eligible[:, 0] = True

    found = policy.probabilities_many(contexts, eligible)

    alone = [policy.probabilities(x, e) for x, e in zip(contexts, eligible, strict=True)]
    np.testing.assert_allclose(found, alone, rtol=0, atol=1e-12)
    assert policy.probabilities_many(contexts[:0], eligible[:0]).shape == (0, policy.n_actions)


def test_asking_changes_nothing(kind: str) -> None:
    policy = learnt(kind)
    context = contexts_of(policy, np.random.default_rng(3), 1)[0]
    everything = np.ones(policy.n_actions, dtype=np.bool_)
    before = policy.to_artifact().digest

    policy.make_ready()
    answers = [policy.probabilities(context, everything).tolist() for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert policy.to_artifact().digest == before


def test_no_array_that_is_handed_in_is_changed(online_kind: str) -> None:
    policy = FRESH[online_kind]()
    rounds = rounds_of(policy, 4)
    eligible = np.ones((len(rounds[1]), policy.n_actions), dtype=np.bool_)
    kept = [array.copy() for array in (*rounds, eligible)]
    for array in (*rounds, eligible):
        array.flags.writeable = False

    policy.learn_many(*rounds)
    policy.learn_one(rounds[0][0], int(rounds[1][0]), float(rounds[2][0]))
    policy.probabilities_many(rounds[0], eligible)
    policy.probabilities(rounds[0][0], eligible[0])
    policy.unlearn_many(*rounds)

    for array, before in zip((*rounds, eligible), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("floor", [-0.01, 0.25, 1.0, float("nan")])
def test_a_floor_that_leaves_no_room_is_refused(floor: float) -> None:
    with pytest.raises(ValueError, match=r"floor is .*; wanted at least 0 and below 1/4"):
        LinearThompson(
            action_names=COUPONS,
            input_names=INPUTS,
            standardizer=Standardizer(np.zeros(2), np.ones(2)),
            floor=floor,
        )


@pytest.mark.parametrize("exploration", [-0.1, 1.1, float("nan")])
def test_an_exploration_that_makes_no_distribution_is_refused(exploration: float) -> None:
    with pytest.raises(ValueError, match="exploration is"):
        EpsilonGreedy(**LINEAR, exploration=exploration)


# Choosing


def test_10_000_choices_come_as_often_as_their_propensities_say(kind: str) -> None:
    """Pearson's chi-squared test at 1e-4: so often does it fail when the propensities are true; the seed is fixed."""
    policy = learnt(kind)
    context = contexts_of(policy, np.random.default_rng(5), 1)[0]
    eligible = np.arange(policy.n_actions) % 5 != 3
    propensities = policy.probabilities(context, eligible)

    chosen = [choose(propensities, uniform(f"decision {n}", "coupon")) for n in range(10_000)]

    counts = np.bincount(chosen, minlength=policy.n_actions)
    assert (counts[~eligible] == 0).all()
    assert chisquare(counts[eligible], 10_000 * propensities[eligible]).pvalue > 1e-4


def test_the_same_decision_id_gives_the_same_action(kind: str) -> None:
    policy = learnt(kind)
    context = contexts_of(policy, np.random.default_rng(6), 1)[0]
    everything = np.ones(policy.n_actions, dtype=np.bool_)

    def choices(asked: Policy) -> list[int]:
        propensities = asked.probabilities(context, everything)
        return [choose(propensities, uniform(f"decision {n}", "coupon")) for n in range(50)]

    assert choices(policy) == choices(policy) == choices(load_policy(policy.to_artifact()))


@given(
    st.lists(st.sampled_from([0.0, 1e-300, 1e-9, 0.1, 0.5]), min_size=1, max_size=8).filter(any),
    st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 1 - 2**-53])),
)
def test_an_action_of_probability_0_is_never_chosen(weights: list[float], u: float) -> None:
    probabilities = np.array(weights) / sum(weights)

    assert probabilities[choose(probabilities, u)] > 0


def test_the_numbers_behind_the_choices_are_uniform_and_each_stream_has_its_own() -> None:
    """Kolmogorov-Smirnov at 1e-4 on each of two streams, |correlation| below 4/√n: fails by chance with less than 3e-4."""
    first, second = (
        np.array([uniform(f"d{n}", stream) for n in range(10_000)]) for stream in ("channel", "coupon")
    )

    assert kstest(first, "uniform").pvalue > 1e-4
    assert kstest(second, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(10_000)
    assert ((first >= 0) & (first < 1)).all()


# Learning


def test_learning_many_is_learning_one_by_one(online_kind: str) -> None:
    together, one_by_one = FRESH[online_kind](), FRESH[online_kind]()
    contexts, actions, rewards = rounds_of(together, 7)
    everything = np.ones(together.n_actions, dtype=np.bool_)

    together.learn_many(contexts, actions, rewards)
    for i in range(len(actions)):
        one_by_one.learn_one(contexts[i], int(actions[i]), float(rewards[i]))
        asked = one_by_one.probabilities(contexts[i], everything)

    assert_same_sums(one_by_one, together)
    assert asked == pytest.approx(together.probabilities(contexts[-1], everything), abs=1e-7)


def test_the_order_of_rounds_does_not_matter(online_kind: str) -> None:
    forwards, backwards = FRESH[online_kind](), FRESH[online_kind]()
    rounds = rounds_of(forwards, 8)

    forwards.learn_many(*rounds)
    backwards.learn_many(*(column[::-1] for column in rounds))

    assert_same_knowledge(backwards, forwards)


@pytest.mark.parametrize("cut", [0, 1, 23, 60])
def test_merged_shards_are_one_that_learnt_all_rounds(online_kind: str, cut: int) -> None:
    whole, left, right = (FRESH[online_kind]() for _ in range(3))
    rounds = rounds_of(whole, 9)

    whole.learn_many(*rounds)
    left.learn_many(*(column[:cut] for column in rounds))
    right.learn_many(*(column[cut:] for column in rounds))
    before = right.to_artifact().digest
    left.merge(right)

    assert_same_knowledge(left, whole)
    assert right.to_artifact().digest == before


def test_forgetting_scales_what_was_learnt_and_ends_at_the_prior(online_kind: str) -> None:
    policy, halved, emptied = learnt(online_kind), learnt(online_kind), learnt(online_kind)
    context = contexts_of(policy, np.random.default_rng(16), 1)[0]
    everything = np.ones(policy.n_actions, dtype=np.bool_)

    halved.forget(3.0, half_life_days=3.0)
    emptied.discount(0.0)

    for name, array in sums(policy).items():
        np.testing.assert_allclose(sums(halved)[name], array / 2, rtol=1e-12)
    found = emptied.probabilities(context, everything)
    assert found == pytest.approx(FRESH[online_kind]().probabilities(context, everything), abs=1e-9)


def test_forgetting_day_by_day_is_forgetting_all_days_at_once(online_kind: str) -> None:
    daily, at_once = learnt(online_kind), learnt(online_kind)

    for _ in range(7):
        daily.forget(1.0, half_life_days=30.0)
    at_once.forget(7.0, half_life_days=30.0)

    assert_same_sums(daily, at_once)


@pytest.mark.parametrize(("days", "half_life_days"), [(-1.0, 30.0), (1.0, 0.0), (float("nan"), 30.0)])
def test_forgetting_backwards_or_without_a_half_life_is_refused(days: float, half_life_days: float) -> None:
    with pytest.raises(ValueError, match="half_life_days"):
        learnt("linear_thompson").forget(days, half_life_days=half_life_days)


def test_taking_rounds_back_returns_to_where_it_was(online_kind: str) -> None:
    policy, before = learnt(online_kind), learnt(online_kind)
    rounds = rounds_of(policy, 10)

    policy.learn_many(*rounds)
    policy.unlearn_many(*rounds)

    assert_same_knowledge(policy, before)
    context = rounds[0][0]
    everything = np.ones(policy.n_actions, dtype=np.bool_)
    close = 0.03 if online_kind in APPROXIMATE else 1e-6
    assert policy.probabilities(context, everything) == pytest.approx(
        before.probabilities(context, everything), abs=close
    )


def test_learning_no_rounds_changes_nothing(online_kind: str) -> None:
    policy = learnt(online_kind)
    before = policy.to_artifact().digest

    policy.learn_many(*(column[:0] for column in rounds_of(policy, 11)))

    assert policy.to_artifact().digest == before


@pytest.mark.parametrize("kind", LEARNERS)
def test_an_action_that_keeps_earning_more_becomes_more_probable(kind: str) -> None:
    policy = FRESH[kind]()
    contexts, actions, _ = rounds_of(policy, 12, n=600)
    best = 2
    everything = np.ones(policy.n_actions, dtype=np.bool_)
    before = policy.probabilities(contexts[0], everything)[best]

    policy.learn_many(contexts, actions, np.where(actions == best, 3.0, 0.0))

    assert policy.probabilities(contexts[0], everything)[best] > min(2 * before, 0.8)


@pytest.mark.parametrize("kind", LEARNERS)
def test_an_unknown_context_teaches_without_poisoning_what_is_known(kind: str) -> None:
    policy = learnt(kind)
    unknown = np.full((3, len(policy.input_names)), np.nan)

    policy.learn_many(unknown, np.array([0, 1, 2]), np.array([0.0, 1.0, 2.0]))

    assert all(np.isfinite(array).all() for array in sums(policy).values())


def test_a_clone_learns_on_its_own(online_kind: str) -> None:
    policy = learnt(online_kind)
    before = policy.to_artifact().digest

    twin = policy.clone()
    assert twin.to_artifact().digest == before
    twin.learn_many(*rounds_of(policy, 13))

    assert policy.to_artifact().digest == before


# Storing


def test_a_policy_saved_and_loaded_is_the_same_to_the_byte(kind: str) -> None:
    policy = learnt(kind)
    artifact = policy.to_artifact()

    again = load_policy(Artifact.from_bytes(artifact.to_bytes()))

    assert type(again) is type(policy)
    assert again.to_artifact().to_bytes() == artifact.to_bytes()
    assert again.to_artifact().digest == artifact.digest
    assert (again.action_names, again.input_names, again.floor) == (
        policy.action_names,
        policy.input_names,
        policy.floor,
    )
    contexts = contexts_of(policy, np.random.default_rng(14), 10)
    everything = np.ones((10, policy.n_actions), dtype=np.bool_)
    assert again.probabilities_many(contexts, everything).tolist() == (
        policy.probabilities_many(contexts, everything).tolist()
    )


def test_a_saved_policy_does_not_change_when_the_policy_learns_on(online_kind: str) -> None:
    policy = learnt(online_kind)
    artifact = policy.to_artifact()
    before = artifact.digest

    policy.learn_many(*rounds_of(policy, 15))

    assert artifact.digest == before


def test_an_artifact_of_another_kind_is_refused(kind: str) -> None:
    mine = FRESH[kind]().kind
    other = next(each for each in sorted(POLICIES) if each not in {mine, *FITTED_IN_BATCHES})

    with pytest.raises(ArtifactError, match=f"of kind '{other}'; wanted '{mine}'"):
        POLICIES[mine].from_artifact(FRESH[other]().to_artifact())


@pytest.mark.parametrize("manifest", [{}, {"kind": "oracle"}])
def test_a_kind_that_the_catalogue_has_not_is_refused_naming_those_there_are(
    manifest: dict[str, str],
) -> None:
    with pytest.raises(ArtifactError, match=r"no policy of kind .*; there are \[.*'linear_thompson'"):
        load_policy(Artifact(manifest))


@pytest.mark.slow
def test_a_policy_that_is_fitted_in_batches_refuses_to_learn_and_says_what_to_do() -> None:
    policy = boosted()
    rounds = rounds_of(policy, 19)
    before = policy.to_artifact().digest

    for attempt in (
        lambda: policy.learn_many(*rounds),
        lambda: policy.learn_one(rounds[0][0], 0, 1.0),
        lambda: policy.unlearn_many(*rounds),
        lambda: policy.merge(policy),
        lambda: policy.discount(0.5),
    ):
        with pytest.raises(FixedPolicyError, match="fitted in batches; fit it anew"):
            attempt()

    assert not policy.learns_online
    assert policy.to_artifact().digest == before


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("name", ["floor", "prior"])
def test_a_manifest_that_lacks_a_number_is_refused_naming_it(kind: str, name: str) -> None:
    artifact = learnt(kind).to_artifact()
    manifest = {key: value for key, value in artifact.manifest.items() if key != name}

    with pytest.raises(ArtifactError, match=f"lacks or misnames a part: '{name}'"):
        load_policy(Artifact(manifest, artifact.arrays))


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_prior_that_the_policy_does_not_know_is_refused(kind: str) -> None:
    artifact = learnt(kind).to_artifact()
    manifest = {**artifact.manifest, "prior": {**artifact.manifest["prior"], "temperature": 1.0}}

    with pytest.raises(ArtifactError, match="temperature"):
        load_policy(Artifact(manifest, artifact.arrays))


def test_every_array_of_an_artifact_is_needed(kind: str) -> None:
    artifact = learnt(kind).to_artifact()

    for name in artifact.arrays:
        arrays = {key: value for key, value in artifact.arrays.items() if key != name}
        with pytest.raises(ArtifactError, match=f"lacks or misnames a part: '{name}'"):
            load_policy(Artifact(artifact.manifest, arrays))
