"""The Personalizer routes over raw HTTP, in the shapes of the former service's v1.0 reference."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response
from sqlalchemy import select

from service.access.scope import Scope
from service.personalizer.learning import RankRewards, learn_rankings
from service.store.tables import rank_events, rank_models
from tests.service.access.callers import give_key
from tests.service.conftest import Worker

REWARDS = RankRewards(wait=timedelta(minutes=10), default=0.0)
ARTICLES = [
    {"id": "NewsArticle", "features": [{"type": "News"}]},
    {"id": "SportsArticle", "features": [{"type": "Sports"}]},
    {"id": "EntertainmentArticle", "features": [{"type": "Entertainment"}]},
]


def rank(worker: Worker, event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    response = ask(worker, event_id, **fields)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def ask(worker: Worker, event_id: str | None = None, loop: str = "default", **fields: Any) -> Response:
    body = {"contextFeatures": [{"timeOfDay": "Morning"}], "actions": ARTICLES, "eventId": event_id, **fields}
    return worker.client.post("/personalizer/v1.0/rank", json=body, headers={"Gardoon-Loop": loop})


def reward(worker: Worker, event_id: str, value: float) -> int:
    path = f"/personalizer/v1.0/events/{event_id}/reward"
    return worker.client.post(path, json={"value": value}).status_code


def activate(worker: Worker, event_id: str) -> int:
    return worker.client.post(f"/personalizer/v1.0/events/{event_id}/activate").status_code


def learn(worker: Worker) -> int:
    worker.clock.advance(minutes=11)
    learnt = learn_rankings(worker.state.engine, REWARDS, worker.clock())
    worker.clock.advance(hours=2)  # past the worker's poll
    return learnt


def test_a_ranking_names_the_chosen_action_first_and_leaves_excluded_ones_in_their_places(
    worker: Worker,
) -> None:
    answer = rank(worker, "75269AD0-BFEE-4598-8196-C57383D38E10", excludedActions=["SportsArticle"])

    assert set(answer) == {"ranking", "eventId", "rewardActionId"}
    assert answer["eventId"] == "75269AD0-BFEE-4598-8196-C57383D38E10"
    assert answer["ranking"][1] == {"id": "SportsArticle", "probability": 0.0}
    assert answer["ranking"][0]["id"] == answer["rewardActionId"]
    assert [action["probability"] for action in answer["ranking"]] == pytest.approx([0.5, 0.0, 0.5])


def test_with_the_first_place_excluded_the_reward_action_is_not_the_first_of_the_ranking(
    worker: Worker,
) -> None:
    answer = rank(worker, "e1", excludedActions=["NewsArticle"])

    assert answer["ranking"][0]["id"] == "NewsArticle"
    assert answer["ranking"][1]["id"] == answer["rewardActionId"]


def test_an_event_id_is_made_where_none_is_given_and_the_least_request_is_enough(worker: Worker) -> None:
    body = {"actions": [{"id": "only", "features": []}]}

    answer = worker.client.post("/personalizer/v1.0/rank", json=body).json()

    assert answer["eventId"]
    assert answer["ranking"] == [{"id": "only", "probability": 1.0}]
    assert reward(worker, answer["eventId"], 1.0) == 204


def test_null_features_are_none(worker: Worker) -> None:
    body = {"actions": [{"id": "only", "features": None}], "contextFeatures": None, "eventId": "e1"}

    response = worker.client.post("/personalizer/v1.0/rank", json=body)

    assert response.status_code == 201, response.text
    assert [learn(worker), model_sums(worker).count[0]] == [1, 1]


def test_an_event_is_found_by_an_id_that_an_address_cannot_hold_as_it_is(worker: Worker) -> None:
    event_id = "user/1?x=2# é/reward"
    rank(worker, event_id, deferActivation=True)

    assert activate(worker, quote(event_id, safe="")) == 204
    assert reward(worker, quote(event_id, safe=""), 1.0) == 204
    assert [learn(worker), model_sums(worker).rr[0]] == [1, 1.0]


def test_an_endpoint_with_a_slash_at_its_end_is_the_same_endpoint(worker: Worker) -> None:
    key = {"Ocp-Apim-Subscription-Key": str(give_key(worker, Scope.DECIDE))}

    doubled = worker.client.post("http://testserver//personalizer/v1.0/rank", json={"actions": ARTICLES})
    allowed = worker.client.post(
        "http://testserver//personalizer/v1.0/rank", json={"actions": ARTICLES}, headers=key
    )

    assert [doubled.status_code, allowed.status_code] == [401, 201]


def test_before_anything_is_learnt_actions_are_chosen_as_often_as_said(worker: Worker) -> None:
    """600 draws of thirds; a chi-square above 13.82 (2 degrees of freedom) has probability 0.001."""
    chosen = [rank(worker, f"event {number}")["rewardActionId"] for number in range(600)]

    counts = [chosen.count(action["id"]) for action in ARTICLES]
    assert sum((count - 200) ** 2 / 200 for count in counts) < 13.82


def test_the_same_event_is_ranked_once_and_not_for_another_request(worker: Worker) -> None:
    first, again = ask(worker, "e1"), ask(worker, "e1")
    other = ask(worker, "e1", contextFeatures=[{"timeOfDay": "Evening"}])

    assert first.content == again.content
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "Conflict"


def test_the_event_is_logged_with_the_probability_of_every_action(worker: Worker) -> None:
    answer = rank(worker, "e1", excludedActions=["SportsArticle"])

    with worker.state.engine.connect() as connection:
        row = connection.execute(select(rank_events)).mappings().one()
    assert json.loads(row["probabilities"]) == pytest.approx([0.5, 0.0, 0.5])
    assert ARTICLES[row["action"]]["id"] == answer["rewardActionId"]
    assert json.loads(row["request"])["actions"] == ARTICLES


def test_rewards_are_learnt_after_the_wait_the_first_counting_and_late_ones_not(worker: Worker) -> None:
    for event_id in ("good", "twice", "late", "silent"):
        rank(worker, event_id)
    assert reward(worker, "good", 1.0) == 204
    assert [reward(worker, "twice", value) for value in (0.5, -1.0)] == [204, 204]
    assert learn_rankings(worker.state.engine, REWARDS, worker.clock()) == 0
    worker.clock.advance(minutes=11)
    assert reward(worker, "late", 1.0) == 204

    assert learn(worker) == 4

    model = worker.state.rank_models.current("default")
    assert model[0] == 1
    with worker.state.engine.connect() as connection:
        found = {row.event_id: row.reward for row in connection.execute(select(rank_events))}
    assert found == {"good": 1.0, "twice": 0.5, "late": 1.0, "silent": None}
    sums = model_sums(worker)
    assert (sums.count[0], sums.rr[0]) == (4, pytest.approx(1.25))
    assert learn(worker) == 0


def model_sums(worker: Worker) -> Any:
    from service.personalizer.model_store import read_model

    with worker.state.engine.connect() as connection:
        return read_model(connection, "default").ranking.statistics


def test_what_is_deferred_is_learnt_once_it_is_activated_and_never_otherwise(worker: Worker) -> None:
    rank(worker, "shown", deferActivation=True)
    rank(worker, "never shown", deferActivation=True)
    reward(worker, "never shown", 1.0)
    assert learn(worker) == 0

    assert [activate(worker, "shown"), activate(worker, "shown")] == [204, 204]

    assert learn(worker) == 1


def test_the_loop_learns_what_its_users_like_and_keeps_exploring(worker: Worker) -> None:
    """In the morning news are liked, in the evening sport; 200 rounds, then each time's favourite is 1 - ε + ε/3."""
    favourites = {"Morning": "NewsArticle", "Evening": "SportsArticle"}
    for number in range(200):
        time = ("Morning", "Evening")[number % 2]
        answer = rank(worker, f"e{number}", contextFeatures=[{"timeOfDay": time}])
        reward(worker, f"e{number}", 1.0 if answer["rewardActionId"] == favourites[time] else 0.0)
    learn(worker)

    for time, favourite in favourites.items():
        answer = rank(worker, time, contextFeatures=[{"timeOfDay": time}])
        shown = {action["id"]: action["probability"] for action in answer["ranking"]}
        assert shown.pop(favourite) == pytest.approx(0.8 + 0.2 / 3)
        assert list(shown.values()) == pytest.approx([0.2 / 3] * 2)


def test_loops_learn_apart_and_know_only_their_own_events(worker: Worker) -> None:
    assert ask(worker, "e1", loop="home").status_code == 201
    assert ask(worker, "e1", loop="mail").status_code == 201

    assert reward(worker, "e1", 1.0) == 404
    assert learn(worker) == 2
    with worker.state.engine.connect() as connection:
        assert sorted(connection.scalars(select(rank_models.c.loop))) == ["home", "mail"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("rank", b"{", 400, "BadRequest"),
        ("rank", b"{}", 400, "BadRequest"),
        ("rank", b'{"actions": []}', 400, "BadRequest"),
        ("rank", b'{"actions": [{"id": "a"}, {"id": "a"}]}', 400, "BadRequest"),
        ("rank", b'{"actions": [{"id": "a"}], "excludedActions": ["a"]}', 400, "BadRequest"),
        ("rank", json.dumps({"actions": [{"id": str(n)} for n in range(51)]}).encode(), 400, "BadRequest"),
        (
            "rank",
            json.dumps({"actions": [{"id": "a", "features": [dict.fromkeys("x", [1] * 257)]}]}).encode(),
            400,
            "BadRequest",
        ),
        ("events/e1/reward", b'{"value": 1.5}', 400, "BadRequest"),
        ("events/e1/reward", b'{"value": NaN}', 400, "BadRequest"),
        ("events/unknown/reward", b'{"value": 1}', 404, "ResourceNotFound"),
        ("events/unknown/activate", b"", 404, "ResourceNotFound"),
    ],
)
def test_errors_are_told_in_both_services_words(
    worker: Worker, path: str, body: bytes, status: int, code: str
) -> None:
    response = worker.client.post(f"/personalizer/v1.0/{path}", content=body)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["error"]["code"] == code
    assert response.json()["status"] == status


def test_what_is_said_before_the_routes_are_reached_is_told_in_both_services_words_too(
    worker: Worker,
) -> None:
    large = worker.client.post("/personalizer/v1.0/rank", content=b" " * 300_000)
    give_key(worker, Scope.DECIDE)
    refused = worker.client.post("/personalizer/v1.0/rank", json={"actions": ARTICLES})

    assert [large.status_code, large.json()["error"]["code"]] == [413, "BodyTooLarge"]
    assert [refused.status_code, refused.json()["error"]["code"]] == [401, "Unauthenticated"]
    assert refused.json()["error"]["message"] == refused.json()["detail"]
    assert "error" not in worker.client.get("/v1/budgets").json()


def test_when_the_log_is_away_it_is_told_in_both_services_words(worker: Worker) -> None:
    with worker.state.engine.begin() as connection:
        rank_events.drop(connection)

    response = ask(worker, "e1")

    assert response.status_code >= 500
    assert response.json()["error"]["message"] == response.json()["detail"]


def test_the_former_services_key_header_opens_a_protected_service(worker: Worker) -> None:
    key = {"Ocp-Apim-Subscription-Key": str(give_key(worker, Scope.DECIDE, Scope.OUTCOMES))}
    body = {"actions": ARTICLES, "eventId": "e1"}

    refused = worker.client.post("/personalizer/v1.0/rank", json=body)
    allowed = worker.client.post("/personalizer/v1.0/rank", json=body, headers=key)
    rewarded = worker.client.post("/personalizer/v1.0/events/e1/reward", json={"value": 1}, headers=key)

    assert [refused.status_code, allowed.status_code, rewarded.status_code] == [401, 201, 204]


def test_an_event_id_that_no_database_can_hold_is_refused(worker: Worker) -> None:
    response = worker.client.post("/personalizer/v1.0/events/a%00b/reward", json={"value": 1.0})

    assert response.status_code in (400, 422), response.text
