"""Runs in virtual time: a customer's events, and a service that answers as the test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from journeys.command import Command, Decide, Finish, Send, Suggest, WaitUntil, Withdraw
from journeys.definition import Journey
from journeys.definition_files import load_journeys
from journeys.interpreter import Outcome, advance, enter
from journeys.run import Run
from journeys.signal import Coupon, Decided, Decision, Due, Event, Sent, Signal, Suggested

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
JOURNEYS = load_journeys()
Decider = Callable[[Decide, datetime], Decision]


def acting(asked: Decide, at: datetime) -> Decision:
    """By app push in three hours, with a coupon where one is asked for."""
    coupon = Coupon(code="ABCD", amount=20_000, currency="IRT", expires_at=at + timedelta(days=3))
    return Decision(
        decision_id=f"decision-{asked.action}",
        status="act",
        acts=True,
        channel="app_push" if "channel" in asked.decisions else None,
        send_at=at + timedelta(hours=3) if "send_time" in asked.decisions else None,
        coupon=coupon if "coupon" in asked.decisions else None,
    )


def holding(asked: Decide, _: datetime) -> Decision:
    """Nothing is to be done."""
    return Decision(decision_id=f"decision-{asked.action}", status="hold", acts=False)


@dataclass
class Story:
    """One customer's latest run of one journey, driven through time; `done`: every command but the waits, with its time."""

    journey: Journey
    decide: Decider = acting
    complements: tuple[str, ...] = ("butter", "jam")
    now: datetime = START
    run: Run | None = None
    done: list[tuple[datetime, Command]] = field(default_factory=list)

    def tell(self, name: str, *, customer: str | None = "c1", **properties: Any) -> None:
        """An event now, to the run and then, where none runs, to begin one."""
        event = Event(name=name, at=self.now, customer_id=customer, properties=properties)
        if self.run is not None:
            self.signal(event)
        if entered := enter(self.journey, event, self.run):
            self._carry_out(entered)

    def pass_time(self, **span: float) -> None:
        """Let time go by, ringing whenever the run waits for a moment."""
        end = self.now + timedelta(**span)
        while self.run is not None and self.run.due_at is not None and self.run.due_at <= end:
            self.now = max(self.now, self.run.due_at)
            self.signal(Due(at=self.now))
        self.now = end

    def signal(self, signal: Signal) -> None:
        assert self.run is not None
        self._carry_out(advance(self.journey, self.run, signal))

    def _carry_out(self, outcome: Outcome) -> None:
        self.run, commands = outcome
        for command in commands:
            if not isinstance(command, WaitUntil):
                self.done.append((self.now, command))
            match command:
                case Decide():
                    answer = self.decide(command, self.now)
                    self.signal(Decided(action=command.action, at=self.now, decision=answer))
                case Suggest():
                    self.signal(Suggested(action=command.action, at=self.now, products=self.complements))
                case Send():
                    self.signal(Sent(action=command.action, at=self.now))
                case WaitUntil() | Withdraw() | Finish():
                    pass

    @property
    def sends(self) -> list[tuple[datetime, Send]]:
        return [(at, command) for at, command in self.done if isinstance(command, Send)]

    @property
    def asked(self) -> list[datetime]:
        return [at for at, command in self.done if isinstance(command, Decide)]

    @property
    def withdrawn(self) -> list[str]:
        return [command.decision_id for _, command in self.done if isinstance(command, Withdraw)]

    @property
    def ended(self) -> str | None:
        return None if self.run is None else self.run.ended


def story(name: str, **fields: Any) -> Story:
    """Of a shipped journey."""
    return Story(JOURNEYS[name], **fields)
