"""What a definition means: (journey, run, signal) to (run, commands), without a clock, chance or anything outside.

Whoever drives it gives every event to each run that `events` and key concern, and then, where none runs, to `enter`; carries
out the commands, and signals their answers. A signal that a run does not wait for changes nothing, so each may come twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from journeys import definition
from journeys.command import Command, Decide, Finish, Send, Suggest, WaitUntil, Withdraw
from journeys.definition import LATE, Check, Journey, Match, Repeat, Text, Wait, WaitFor
from journeys.run import Run
from journeys.signal import Decided, Decision, Due, Event, Signal, Suggested

SLOT, PART = timedelta(hours=1), timedelta(minutes=15)
"""How late a message may go out: the send time that was decided is an hour of the customer's day, or what is left of one.

Hours begin on a quarter everywhere. When one that had begun ends is not known here; quiet hours may begin with the next.
"""

Outcome = tuple[Run, tuple[Command, ...]]


def enter(journey: Journey, event: Event, last: Run | None) -> Outcome | None:
    """A new run with its first commands, if the event begins one; `last`: the latest of this customer and key."""
    if event.name != journey.trigger.event or event.customer_id is None:
        return None
    if last is not None and (last.ended is None or event.at < last.now + journey.reentry.length):
        return None
    run = Run(
        journey=journey.journey,
        customer_id=event.customer_id,
        key=key_of(journey, event),
        entered_at=event.at,
        now=event.at,
        meant_at=event.at,
        step=next(iter(journey.steps)),
        products=_products(event),
        price=_price(event),
    )
    return _begin(journey, run, run.step)


def key_of(journey: Journey, event: Event) -> str:
    """What a run that the event begins is about; empty where the journey or the event says nothing of it."""
    return "" if journey.trigger.key is None else next(event.values(journey.trigger.key), "")


def advance(journey: Journey, run: Run, signal: Signal) -> Outcome:
    """The run after the signal, and what it wants done now."""
    if run.ended is not None:
        return _take_late(run, signal)
    if isinstance(signal, Event):
        return _take(journey, run, signal)
    seen = replace(run, now=max(run.now, signal.at))
    if isinstance(signal, Due):
        return _ring(journey, seen) if run.due_at is not None and run.due_at <= signal.at else (run, ())
    if signal.action != run.action:
        return run, ()
    seen = replace(seen, action=None)
    if isinstance(signal, Decided):
        return _take_decision(journey, seen, signal)
    if isinstance(signal, Suggested):
        if not signal.products:
            return _end(seen, "nothing to suggest")
        return _go_on(journey, replace(seen, suggestions=signal.products))
    return _go_on(journey, replace(seen, decision=None))


def _take(journey: Journey, run: Run, event: Event) -> Outcome:
    if event.at < run.entered_at or event.customer_id not in (None, run.customer_id):
        return run, ()
    seen = replace(run, now=max(run.now, event.at))
    is_its_own = event.at == run.entered_at and event.name == journey.trigger.event
    if not is_its_own and any(_is_about(match, event, run) for match in journey.exit):
        return _leave(journey, seen, event.name)
    if _is_about(journey.trigger, event, run):
        seen = replace(seen, products=tuple(dict.fromkeys((*run.products, *_products(event)))))
    checks = {name: step.check for name, step in journey.steps.items() if step.check is not None}
    came = tuple(
        name for name, check in checks.items() if name not in run.happened and _is_about(check, event, run)
    )
    seen = replace(seen, happened=(*run.happened, *came))
    waited_for = journey.steps[run.step].wait_for
    if waited_for is None or not _is_about(waited_for, event, run):
        return seen, ()
    seen = replace(seen, meant_at=event.at)
    if waited_for.falls_by_percent is None:
        return _go_on(journey, seen)
    return _compare_price(journey, seen, event, waited_for.falls_by_percent)


def _compare_price(journey: Journey, run: Run, event: Event, percent: float) -> Outcome:
    """A first price that is heard of is what later ones are compared with, where the run began without one."""
    price = _price(event)
    if price is None or run.price is None:
        return replace(run, price=run.price if price is None else price), ()
    if price > run.price * (1 - percent / 100):
        return run, ()
    return _go_on(journey, replace(run, price=price))


def _take_decision(journey: Journey, run: Run, signal: Decided) -> Outcome:
    asked = journey.steps[run.step].decide
    assert asked is not None
    if signal.decision.acts:
        return _go_on(journey, replace(run, decision=signal.decision))
    if asked.otherwise is None:
        return _end(run, signal.decision.status)
    return _begin(journey, run, asked.otherwise)


def _ring(journey: Journey, run: Run) -> Outcome:
    run, step = replace(run, due_at=None, meant_at=run.due_at), journey.steps[run.step]
    if step.wait_for is not None:
        return _end(run, "waited in vain")
    return _go_on(journey, run) if step.wait is not None else _send(journey, run)


def _go_on(journey: Journey, run: Run) -> Outcome:
    following = journey.after(run.step)
    return _end(run, "done") if following is None else _begin(journey, run, following)


def _begin(journey: Journey, run: Run, name: str) -> Outcome:
    """Begin a step, and those after it until one has to wait."""
    begun = {**run.begun, name: run.now}
    run = replace(run, step=name, visit=run.visit + 1, due_at=None, begun=begun)
    action = journey.steps[name].action
    match action:
        case Wait():
            since = run.now if action.since is None else begun.get(action.since, run.now)
            return _wait(run, max(run.now, since + action.length))
        case WaitFor():
            return _wait(run, run.now + action.within.length)
        case Check():
            return _end(run, f"checked {name}") if name in run.happened else _go_on(journey, run)
        case Repeat():
            return _begin(journey, run, action.step)
        case definition.Suggest():
            run = _acting(run)
            asked = Suggest(
                action=_action(run),
                customer_id=run.customer_id,
                cart=run.products,
                limit=action.limit,
                until=_in_time(run),
            )
            return run, (asked,)
        case definition.Decide():
            run = _acting(run)
            return run, (_decide(journey, run, action),)
        case definition.Send():
            return _send(journey, run)


def _decide(journey: Journey, run: Run, wanted: definition.Decide) -> Decide:
    return Decide(
        action=_action(run),
        customer_id=run.customer_id,
        journey=run.journey,
        decisions=wanted.decisions,
        trigger=journey.trigger.event,
        key=run.key,
        until=_in_time(run),
    )


def _in_time(run: Run) -> datetime:
    """Until when the run may ask: what it missed by more than `LATE` is not made good."""
    return (run.meant_at or run.now) + LATE


def _send(journey: Journey, run: Run) -> Outcome:
    """Wait for the decided moment, send, or let it be: where nothing was decided, or its hour or its coupon is over."""
    decision, wanted = run.decision, journey.steps[run.step].send
    assert wanted is not None
    if decision is None:
        return _go_on(journey, run)
    if decision.send_at is not None and run.now < decision.send_at:
        return _wait(run, decision.send_at)
    if (until := _last_moment(run, decision)) <= run.now:
        run, commands = _go_on(journey, replace(run, decision=None))
        return run, (
            _withdraw(decision, run.now),
            *commands,
        )
    filled, run = _fill(_text(wanted, decision), run), _acting(run)
    send = Send(
        action=_action(run),
        customer_id=run.customer_id,
        journey=run.journey,
        topic=wanted.topic,
        title=filled.title,
        body=filled.body,
        decision=decision,
        until=until,
    )
    return run, (send,)


def _text(wanted: definition.Send, decision: Decision) -> Text:
    name = decision.message or ("coupon" if decision.coupon else "default")
    return wanted.texts.get(name, wanted.texts["default"])


def _last_moment(run: Run, decision: Decision) -> datetime:
    """Until when a message may go out: while the decided hour lasts, or now where none was decided, and its coupon lives."""
    begins = decision.send_at or run.now
    is_whole = begins.minute % 15 == begins.second == begins.microsecond == 0
    ends = begins + (SLOT if is_whole else PART)
    return ends if decision.coupon is None else min(ends, decision.coupon.expires_at)


def _fill(text: Text, run: Run) -> Text:
    coupon = run.decision.coupon if run.decision else None
    values: dict[str, Any] = {
        "amount": f"{coupon.amount:,}" if coupon else "",
        "currency": coupon.currency if coupon else "",
        "code": coupon.code if coupon else "",
        "expires_at": f"{coupon.expires_at:%Y-%m-%d %H:%M} UTC" if coupon else "",
        "products": ", ".join(run.suggestions or run.products),
        "key": run.key,
        "price": "" if run.price is None else f"{run.price:,}",
    }
    return Text(title=text.title.format_map(values), body=text.body.format_map(values))


def _leave(journey: Journey, run: Run, event: str) -> Outcome:
    """End by an exit; what was decided and waits for its moment is withdrawn."""
    decision, is_waiting = run.decision, run.due_at is not None
    ended, commands = _end(run, f"exit by {event}")
    if decision is None or not is_waiting or journey.steps[run.step].send is None:
        return ended, commands
    return ended, (
        _withdraw(decision, run.now),
        *commands,
    )


def _take_late(run: Run, signal: Signal) -> Outcome:
    """Take back what was decided while the run ended."""
    if not isinstance(signal, Decided) or signal.action != run.action or not signal.decision.acts:
        return run, ()
    return replace(run, action=None), (_withdraw(signal.decision, signal.at),)


def _withdraw(decision: Decision, at: datetime) -> Withdraw:
    return Withdraw(action=f"withdraw/{decision.decision_id}", decision_id=decision.decision_id, at=at)


def _end(run: Run, reason: str) -> Outcome:
    return replace(run, due_at=None, ended=reason), (Finish(reason=reason),)


def _wait(run: Run, until: datetime) -> Outcome:
    return replace(run, due_at=until), (WaitUntil(at=until),)


def _acting(run: Run) -> Run:
    return replace(run, action=run.actions[-1])


def _action(run: Run) -> str:
    assert run.action is not None
    return run.action


def _is_about(match: Match | definition.Trigger, event: Event, run: Run) -> bool:
    """Whether it is the event, of what the run is about; an event that does not say what it is about may be that."""
    if event.name != match.event:
        return False
    values = set() if match.key is None else set(event.values(match.key))
    return not values or not run.key or run.key in values


def _products(event: Event) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*event.values("product_id"), *event.values("products.product_id"))))


def _price(event: Event) -> int | None:
    price = event.properties.get("price")
    return price if isinstance(price, int) and not isinstance(price, bool) else None
