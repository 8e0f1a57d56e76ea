"""What each shipped journey does, in virtual time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from journeys.definition_files import load_journeys
from service.point_files import load_decision_points
from service.settings import Settings
from tests.journeys.stories import START, Story, acting, holding, story

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def bought(*products: str, **others: Any) -> dict[str, Any]:
    lines = [{"product_id": product} for product in products]
    return {"order_id": "o1", "amount": 100_000, "currency": "IRT", "products": lines, **others}


def test_a_product_viewed_and_not_added_is_recalled_at_the_decided_time() -> None:
    told = story("browse_abandonment")

    told.tell("product_viewed", product_id="tea")
    told.pass_time(days=4)

    assert told.asked == [START + 45 * HOUR]
    assert [(at, sent.body) for at, sent in told.sends] == [
        (START + 48 * HOUR, "Product tea is waiting for you.")
    ]
    assert told.ended == "done"


@pytest.mark.parametrize(
    ("added", "ended", "asked"),
    [("tea", "exit by added_to_cart", 0), ("jam", "checked cart_updated", 0), (None, "done", 1)],
)
def test_that_product_in_the_cart_ends_it_at_once_and_any_other_at_the_check(
    added: str | None, ended: str, asked: int
) -> None:
    told = story("browse_abandonment")

    told.tell("product_viewed", product_id="tea")
    told.pass_time(hours=1)
    if added is not None:
        told.tell("added_to_cart", product_id=added)
    at_once = told.ended
    told.pass_time(days=4)

    assert (told.ended, len(told.asked)) == (ended, asked)
    assert (at_once is not None) == (added == "tea")


@pytest.mark.parametrize(
    ("cart", "sends"), [("cart-1", 0), ("cart-2", 1), (None, 0)], ids=["that", "another", "not said which"]
)
def test_only_a_purchase_of_that_cart_ends_a_reminder_of_it(cart: str | None, sends: int) -> None:
    told = story("cart_abandonment")

    told.tell("added_to_cart", product_id="tea", cart_id="cart-1")
    told.pass_time(minutes=30)
    told.tell("purchased", **bought("tea"), **({} if cart is None else {"cart_id": cart}))
    told.pass_time(days=1)

    assert len(told.sends) == sends


def test_a_cart_that_is_bought_between_decision_and_sending_gets_nothing_and_the_decision_is_withdrawn() -> (
    None
):
    told = story("cart_abandonment")

    told.tell("added_to_cart", product_id="tea", cart_id="cart-1")
    told.pass_time(hours=4)
    assert len(told.asked) == 1
    told.tell("purchased", **bought("tea", cart_id="cart-1"))
    told.pass_time(days=1)

    assert told.sends == []
    assert len(told.withdrawn) == 1


def test_a_reminder_names_all_that_was_put_into_the_cart() -> None:
    told = story("cart_abandonment")

    told.tell("added_to_cart", product_id="tea", cart_id="cart-1")
    told.tell("added_to_cart", product_id="jam", cart_id="cart-1")
    told.tell("added_to_cart", product_id="milk", cart_id="cart-2")
    told.pass_time(days=1)

    assert told.sends[0][1].body == "In your cart: tea, jam."


def test_complements_of_the_whole_cart_are_suggested_and_without_any_nothing_is_sent() -> None:
    told, without = story("cross_sell"), story("cross_sell", complements=())

    for each in (told, without):
        each.tell("added_to_cart", product_id="bread", cart_id="cart-1")
        each.pass_time(days=1)

    assert told.sends[0][1].body == "Others also took butter, jam."
    assert (without.ended, without.asked) == ("nothing to suggest", [])


@pytest.mark.parametrize(
    ("price", "product", "after_days", "sends"),
    [
        (89_000, "tea", 29, 1),
        (90_000, "tea", 29, 1),
        (91_000, "tea", 29, 0),
        (50_000, "jam", 29, 0),
        (50_000, "tea", 30.5, 0),
    ],
)
def test_a_price_that_falls_by_a_tenth_within_thirty_days_is_told(
    price: int, product: str, after_days: float, sends: int
) -> None:
    told = story("price_drop")

    told.tell("product_viewed", product_id="tea", price=100_000, currency="IRT")
    told.pass_time(days=after_days)
    told.tell("price_changed", customer=None, product_id=product, price=price)
    told.pass_time(days=2)

    assert len(told.sends) == sends


def test_small_falls_of_a_price_add_up() -> None:
    told = story("price_drop")

    told.tell("product_viewed", product_id="tea", price=100_000)
    for price in (95_000, 97_000, 90_000):
        told.pass_time(days=2)
        told.tell("price_changed", customer=None, product_id="tea", price=price)
    told.pass_time(days=1)

    assert told.sends[0][1].body == "Product tea, which you looked at, now costs 90,000."


def test_whoever_bought_the_product_hears_nothing_of_its_price() -> None:
    told = story("price_drop")

    told.tell("product_viewed", product_id="tea", price=100_000)
    told.tell("purchased", **bought("jam"))
    assert told.ended is None, "another product"
    told.tell("purchased", **bought("jam", "tea"))
    told.tell("price_changed", customer=None, product_id="tea", price=10)
    told.pass_time(days=2)

    assert told.sends == []


def test_messages_go_out_weekly_from_day_90_on_until_a_purchase_which_begins_to_count_anew() -> None:
    told = story("churn_prevention")

    told.tell("purchased", **bought("tea"))
    told.pass_time(days=90 + 7 * 4 + 1)
    weekly = [START + 90 * DAY + 7 * week * DAY for week in range(5)]
    assert told.asked == weekly
    assert [at for at, _ in told.sends] == [at + 3 * HOUR for at in weekly], (
        "they do not drift with the send time"
    )

    bought_at = told.now
    told.tell("purchased", **bought("tea"))
    told.pass_time(days=90)
    assert len(told.sends) == 5
    assert told.asked[-1] == bought_at + 90 * DAY


def test_a_week_in_which_nothing_is_decided_passes_in_silence() -> None:
    answers = iter([holding, acting, holding, acting])
    told = story("churn_prevention", decide=lambda asked, at: next(answers)(asked, at))

    told.tell("purchased", **bought("tea"))
    told.pass_time(days=90 + 7 * 3 + 1)

    assert [at - START for at, _ in told.sends] == [97 * DAY + 3 * HOUR, 111 * DAY + 3 * HOUR]


def test_somebody_who_bought_long_before_the_runner_began_gets_one_message_not_all_that_were_missed() -> None:
    told = story("churn_prevention")

    told.tell("purchased", **bought("tea"))
    told.now += 400 * DAY
    told.pass_time(days=1)

    assert told.asked == [START + 400 * DAY]


def test_opening_the_app_shows_the_wheel_at_once_and_again_each_time() -> None:
    told = story("lucky_wheel")

    told.tell("app_opened")
    told.pass_time(minutes=5)
    told.tell("app_opened")

    assert [(at, sent.decision.channel) for at, sent in told.sends] == [(START, None), (told.now, None)]
    assert told.sends[0][1].body == "You won 20,000 IRT: ABCD, valid until the end of tonight."


def test_following_the_page_after_an_invitation_is_rewarded() -> None:
    told = story("follow_pages")

    told.tell("purchased", **bought("tea"))
    told.pass_time(days=5)
    told.tell("page_followed", network="instagram")

    assert [sent.title for _, sent in told.sends] == ["Follow our page", "Thank you for following"]
    assert told.sends[1][0] == told.now


def test_who_follows_already_is_not_invited_and_who_does_not_within_two_weeks_gets_nothing() -> None:
    follower, other = story("follow_pages"), story("follow_pages")

    for told in (follower, other):
        told.tell("purchased", **bought("tea"))
    follower.tell("page_followed")
    for told in (follower, other):
        told.pass_time(days=30)

    assert (follower.ended, len(follower.sends)) == ("checked follows_already", 0)
    assert (other.ended, len(other.sends)) == ("waited in vain", 1)


@pytest.mark.parametrize(("name", "pause"), [("browse_abandonment", 7 * DAY), ("follow_pages", 180 * DAY)])
def test_another_run_begins_only_after_the_pause(name: str, pause: timedelta) -> None:
    told = story(name)

    def trigger() -> None:
        told.tell(told.journey.trigger.event, product_id="tea", **bought("tea"))

    trigger()
    told.pass_time(days=60)
    assert told.run is not None
    first = told.run
    told.now = first.now + pause - HOUR
    trigger()
    assert told.run is first
    told.now = first.now + pause
    trigger()
    assert told.run.entered_at == told.now


@pytest.mark.parametrize(
    "name", ["browse_abandonment", "cart_abandonment", "cross_sell", "price_drop", "follow_pages"]
)
def test_without_a_decision_to_act_nothing_is_sent(name: str) -> None:
    told: Story = story(name, decide=holding)
    asked_for = {"product_id": "tea", "cart_id": "cart-1", "price": 100_000, **bought("tea")}

    told.tell(told.journey.trigger.event, **asked_for)
    told.tell("price_changed", customer=None, product_id="tea", price=10)
    told.pass_time(days=60)

    assert (told.ended, told.sends) == ("hold", [])


def test_a_message_whose_hour_passed_while_nobody_was_there_is_withdrawn() -> None:
    told = story("cart_abandonment")

    told.tell("added_to_cart", product_id="tea")
    told.pass_time(hours=4)
    told.now += 12 * HOUR
    told.pass_time(hours=1)

    assert (told.sends, len(told.withdrawn)) == ([], 1)


def test_every_journey_has_a_decision_point_with_what_it_asks_for() -> None:
    points = load_decision_points(Settings().decision_points)

    asked = {
        (name, decision)
        for name, journey in load_journeys().items()
        for step in journey.steps.values()
        if step.decide is not None
        for decision in step.decide.decisions
    }

    assert {name for name, _ in asked} == set(points)
    assert all(getattr(points[name], decision) is not None for name, decision in asked)
