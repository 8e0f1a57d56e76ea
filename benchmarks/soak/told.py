"""What the service told its callers, customer by customer: the audit holds it against the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Promises:
    """What was promised about one customer."""

    answers: dict[str, bytes] = field(default_factory=dict)
    """By decision, to the byte."""
    keys: dict[str, str] = field(default_factory=dict)
    """Decision by idempotency key."""
    events: set[str] = field(default_factory=set)
    """Outcomes that were accepted."""
    redeemed: dict[str, str] = field(default_factory=dict)
    """Order by coupon code."""


@dataclass
class Told:
    """Everything that was told: promises about those still known, and about those who were forgotten."""

    customers: defaultdict[str, Promises] = field(default_factory=lambda: defaultdict(Promises))
    forgotten: dict[str, Promises] = field(default_factory=dict)
    undelivered: set[str] = field(default_factory=set)
    activated: set[str] = field(default_factory=set)
    """Deferred decisions of which the service said that they are in effect."""
    faults: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    """How often something particular was asked for."""
    retries: int = 0
    refused: int = 0

    def forget(self, customer: str) -> None:
        """Note that the customer was forgotten: of the promises only those about statistics still hold."""
        self.forgotten[customer] = self.customers.pop(customer, Promises())

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Decision and answer, of customers still known."""
        return (each for mine in self.customers.values() for each in mine.answers.items())

    def claimed_keys(self) -> Iterator[tuple[str, str]]:
        """Idempotency key and decision, of customers still known."""
        return (each for mine in self.customers.values() for each in mine.keys.items())

    def events(self) -> Iterator[str]:
        """Accepted outcomes, of customers still known: those of others may have another name by now."""
        return (each for mine in self.customers.values() for each in mine.events)

    def redeemed(self) -> Iterator[tuple[str, str]]:
        """Code and order, of customers still known."""
        return (each for mine in self.customers.values() for each in mine.redeemed.items())

    def decision_ids(self) -> set[str]:
        """Every decision that somebody was answered, forgotten customers' as well."""
        both = (*self.customers.values(), *self.forgotten.values())
        return {identity for mine in both for identity in mine.answers}
