"""POST /v1/complements: what goes with a cart, without what is not to be offered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from models.artifact import Artifact
from tests.service.conftest import NOW, Worker, bread_and_butter, publish_champions


def ask(worker: Worker, **request: Any) -> dict[str, Any]:
    response = worker.client.post("/v1/complements", json=request)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def offered(answer: dict[str, Any]) -> list[str]:
    return [each["product_id"] for each in answer["products"]]


def excluded(answer: dict[str, Any], reason: str) -> set[str]:
    return {each["product_id"] for each in answer["excluded"] if each["reason"] == reason}


def buys(
    worker: Worker,
    products: Sequence[Any],
    *,
    order: str = "o1",
    days_ago: float = 1,
    message: str = "m1",
    **who: str,
) -> None:
    """Tell of a purchase; of customer c1 unless told."""
    listed = [{"product_id": each} if isinstance(each, str) else each for each in products]
    response = worker.client.post(
        "/v1/track",
        json={
            "messageId": message,
            "event": "purchased",
            "timestamp": (worker.clock() - timedelta(days=days_ago)).isoformat(),
            "properties": {"order_id": order, "amount": 1, "currency": "IRT", "products": listed},
            **(who or {"userId": "c1"}),
        },
    )
    assert response.json()["taken"] == 1, response.text


def test_a_carts_complements_are_ranked_and_explained(worker: Worker) -> None:
    answer = ask(worker, cart=["bread", "butter"])

    assert answer["products"] == [{"product_id": "jam", "score": 0.375, "support": 10, "because_of": "bread"}]
    assert answer["fallback"] is None
    assert excluded(answer, "in_cart") == {"bread", "butter"}
    assert answer["versions"] == {"complements": bread_and_butter().to_artifact().digest}


def test_what_is_excluded_is_not_offered_and_the_answer_says_so(worker: Worker) -> None:
    answer = ask(worker, cart=["bread"], exclude=["butter", "bread"])

    assert offered(answer) == ["jam"]
    assert excluded(answer, "excluded") == {"butter"}
    assert excluded(answer, "in_cart") == {"bread"}


def test_an_empty_cart_gets_what_is_popular_and_says_so(worker: Worker) -> None:
    answer = ask(worker, limit=2, exclude=["milk"])

    assert answer["fallback"] == "empty_cart"
    assert answer["products"][0] == {
        "product_id": "bread",
        "score": 0.4,
        "support": 40,
        "because_of": None,
    }
    assert offered(answer) == ["bread", "butter"]


def test_an_unknown_cart_gets_what_is_popular_and_names_what_is_unknown(worker: Worker) -> None:
    answer = ask(worker, cart=["sofa", "bread oven", "sofa"], limit=1)

    assert answer["fallback"] == "unknown_cart"
    assert answer["unknown"] == ["sofa", "bread oven"]
    assert offered(answer) == ["milk"]


def test_a_cart_that_nothing_goes_with_gets_what_is_popular_and_says_so(worker: Worker) -> None:
    answer = ask(worker, cart=["tea"], limit=1)

    assert answer["fallback"] == "no_complements"
    assert offered(answer) == ["milk"]
    assert answer["unknown"] == []


def test_what_the_customer_bought_lately_is_not_offered_to_them_alone(worker: Worker) -> None:
    buys(worker, ["butter"])

    answers = {who: ask(worker, cart=["bread"], **by) for who, by in CUSTOMERS.items()}

    assert offered(answers["c1"]) == ["jam"]
    assert excluded(answers["c1"], "bought_lately") == {"butter"}
    for who in ("c2", "nobody"):
        assert offered(answers[who]) == ["butter", "jam"]


CUSTOMERS: dict[str, dict[str, str]] = {
    "c1": {"customer_id": "c1"},
    "c2": {"customer_id": "c2"},
    "nobody": {},
}


def test_lately_ends_after_the_models_days_or_the_requests(worker: Worker) -> None:
    buys(worker, ["butter"], days_ago=27.9, order="o1", message="m1")
    buys(worker, ["jam"], days_ago=28.1, order="o2", message="m2")

    found = {
        days: excluded(
            ask(worker, cart=["bread"], customer_id="c1", **({} if days is None else {KEY: days})), WHY
        )
        for days in (None, 0, 29)
    }

    assert found == {None: {"butter"}, 0: set(), 29: {"butter", "jam"}}


KEY, WHY = "bought_within_days", "bought_lately"


def test_the_last_message_about_an_order_says_what_was_bought(worker: Worker) -> None:
    buys(worker, ["butter", "jam"], order="o1", message="m1")
    worker.clock.advance(minutes=1)
    buys(worker, ["jam"], order="o1", message="m2")

    answer = ask(worker, cart=["bread"], customer_id="c1")

    assert excluded(answer, WHY) == {"jam"}


def test_what_was_bought_before_the_customer_was_known_counts_once_they_are(worker: Worker) -> None:
    buys(worker, ["butter"], anonymousId="a1")
    before = ask(worker, cart=["bread"], customer_id="c9")
    worker.client.post("/v1/identify", json={"messageId": "i1", "userId": "c9", "anonymousId": "a1"})

    after = ask(worker, cart=["bread"], customer_id="c9")

    assert excluded(before, WHY) == set()
    assert excluded(after, WHY) == {"butter"}


def test_a_purchase_without_products_excludes_nothing(worker: Worker) -> None:
    properties = {"order_id": "o1", "amount": 1, "currency": "IRT"}
    worker.client.post(
        "/v1/track",
        json={"messageId": "m1", "event": "purchased", "userId": "c1", "properties": properties},
    )

    answer = ask(worker, cart=["bread"], customer_id="c1")

    assert offered(answer) == ["butter", "jam"]
    assert excluded(answer, WHY) == set()


def test_without_a_champion_the_answer_is_a_503_that_says_what_registers_one(
    make_worker: Callable[..., Worker],
) -> None:
    worker = make_worker(champions=False)

    response = worker.client.post("/v1/complements", json={"cart": ["bread"]})

    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert "python -m training complements" in response.json()["detail"]


def test_a_new_champion_is_taken_up_and_a_broken_one_leaves_the_last_good(worker: Worker) -> None:
    good = worker.state.complements.current.digest
    publish_champions(worker.state.engine, {"complements": Artifact({"kind": "complements"})}, NOW)

    worker.client.portal.call(worker.state.complements.look)  # type: ignore[union-attr]

    assert worker.state.complements.current.digest == good
    assert offered(ask(worker, cart=["bread"])) == ["butter", "jam"]


def test_answers_are_counted_by_what_was_answered(worker: Worker) -> None:
    ask(worker, cart=["bread"])
    ask(worker)

    shown = worker.client.get("/metrics").text

    assert 'gardoon_complements_total{result="complements"} 1.0' in shown
    assert 'gardoon_complements_total{result="empty_cart"} 1.0' in shown
    assert "gardoon_complements_seconds_count 2.0" in shown


def test_a_request_out_of_bounds_is_refused_with_the_field(worker: Worker) -> None:
    for field, value in {"limit": 0, "cart": ["p"] * 201, KEY: 366, "shelf": "a"}.items():
        response = worker.client.post("/v1/complements", json={field: value})

        assert response.status_code == 422
        assert field in response.json()["detail"]


def test_a_fault_is_told_in_the_words_of_json(worker: Worker) -> None:
    carts = [worker.client.post("/v1/complements", json={"cart": cart}).json() for cart in ("p", ["p"] * 201)]

    assert [cart["detail"] for cart in carts] == [
        "body.cart: Input should be a valid list",
        "body.cart: List should have at most 200 items after validation, not 201",
    ]
