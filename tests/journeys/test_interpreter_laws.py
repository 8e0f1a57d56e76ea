"""What holds of every journey, whatever happens to a run and in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.command import Command, Decide, Finish, Send, Suggest, WaitUntil, Withdraw
from journeys.interpreter import advance, enter
from journeys.run import Run
from journeys.signal import Decided, Due, Event, Sent, Signal, Suggested
from tests.journeys.stories import JOURNEYS, START, acting, holding

EVENTS = sorted({event for journey in JOURNEYS.values() for event in journey.events})

names = st.sampled_from(sorted(JOURNEYS))
moments = st.integers(-60, 200 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
products = st.sampled_from(["tea", "jam"])
events = st.builds(
    lambda name, at, product, cart, price: Event(
        name=name,
        at=at,
        customer_id=None if name == "price_changed" else "c1",
        properties={
            "product_id": product,
            "products": [{"product_id": product}],
            "cart_id": cart,
            "price": price,
        },
    ),
    st.sampled_from(EVENTS),
    moments,
    products,
    st.sampled_from(["cart-1", "cart-2"]),
    st.sampled_from([100_000, 80_000, 60_000]),
)
# An answer is to the command of that number among those given so far, so that old and repeated ones come too.
answers = st.tuples(st.integers(0, 5), moments, st.booleans())
things = st.lists(st.one_of(events, moments.map(lambda at: Due(at=at)), answers), max_size=40)

History = list[tuple[Run, tuple[Command, ...], Signal]]


def play(name: str, happening: Sequence[Event | Due | tuple[int, datetime, bool]]) -> History:
    """Every state of one run, the commands that came with it, and the signal that led to it."""
    journey = JOURNEYS[name]
    trigger = Event(
        name=journey.trigger.event,
        at=START,
        customer_id="c1",
        properties={"product_id": "tea", "cart_id": "cart-1", "price": 100_000},
    )
    entered = enter(journey, trigger, None)
    assert entered is not None
    run, commands = entered
    history: History = [(run, commands, trigger)]
    asked = [command for command in commands if isinstance(command, Decide | Suggest | Send)]
    for thing in happening:
        signal = thing if isinstance(thing, Event | Due) else answer(asked, *thing)
        if signal is None:
            continue
        run, commands = advance(journey, run, signal)
        history.append((run, commands, signal))
        asked += [command for command in commands if isinstance(command, Decide | Suggest | Send)]
    return history


def answer(asked: list[Decide | Suggest | Send], back: int, at: datetime, acts: bool) -> Signal | None:
    if back >= len(asked):
        return None
    command = asked[-1 - back]
    match command:
        case Decide():
            return Decided(
                action=command.action, at=at, decision=acting(command, at) if acts else holding(command, at)
            )
        case Suggest():
            return Suggested(action=command.action, at=at, products=("butter",) if acts else ())
        case Send():
            return Sent(action=command.action, at=at)


def all_commands(history: History) -> list[Command]:
    return [command for _, commands, _ in history for command in commands]


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_a_run_that_ended_does_nothing_more_but_take_back(name: str, happening: list[Event | Due]) -> None:
    history = play(name, happening)

    for (before, _, _), (after, commands, _) in pairwise(history):
        if before.ended is not None:
            assert after.ended == before.ended
            assert all(isinstance(command, Withdraw) for command in commands)


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_an_action_is_asked_for_once_and_a_decision_is_sent_or_taken_back_once(
    name: str, happening: list[Event | Due]
) -> None:
    commands = all_commands(play(name, happening))

    actions = [command.action for command in commands if isinstance(command, Decide | Suggest | Send)]
    used = [command.decision.decision_id for command in commands if isinstance(command, Send)]
    used += [command.decision_id for command in commands if isinstance(command, Withdraw)]
    assert len(set(actions)) == len(actions)
    assert len(set(used)) == len(used)


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_time_never_runs_backwards_and_what_is_waited_for_lies_ahead(
    name: str, happening: list[Event | Due]
) -> None:
    history = play(name, happening)

    for (before, _, _), (after, commands, _) in pairwise(history):
        assert after.now >= before.now
        assert all(command.at >= after.now for command in commands if isinstance(command, WaitUntil))


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_a_run_waits_for_one_thing_or_is_over(name: str, happening: list[Event | Due]) -> None:
    for run, commands, _ in play(name, happening):
        waits = [run.due_at is not None, run.action is not None and run.ended is None, run.ended is not None]
        assert sum(waits) == 1
        finishes = [command for command in commands if isinstance(command, Finish)]
        assert len(finishes) <= 1


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_nothing_is_sent_before_its_time_or_with_a_dead_coupon(
    name: str, happening: list[Event | Due]
) -> None:
    for run, commands, _ in play(name, happening):
        for command in commands:
            if isinstance(command, Send):
                assert command.decision.send_at is None or run.now >= command.decision.send_at
                assert command.decision.coupon is None or run.now < command.decision.coupon.expires_at


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_an_answer_that_comes_twice_changes_nothing_the_second_time(
    name: str, happening: list[Event | Due]
) -> None:
    for run, _, signal in play(name, happening):
        if not isinstance(signal, Event | Due):
            assert advance(JOURNEYS[name], run, signal) == (run, ())
