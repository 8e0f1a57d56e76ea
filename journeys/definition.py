"""What a journey is: the form of `definitions/*.yaml`, described in docs/journeys.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from string import Formatter
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Path = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
DecisionName = Literal["channel", "send_time", "coupon", "message"]

LATE: Final = timedelta(days=1)
"""How long after its moment a step may still ask; what was missed by more is not made good."""

PLACEHOLDERS = frozenset({"amount", "currency", "code", "expires_at", "products", "key", "price"})
"""What a text may name in braces."""


def placeholders(text: str) -> list[tuple[str, bool]]:
    """The names in a text's braces, each with whether it stands alone, without a format.

    Raises `ValueError` for a brace alone.

    >>> placeholders("{code} until {expires_at:%H}")
    [('code', True), ('expires_at', False)]
    """
    parts = Formatter().parse(text)
    return [(name, not (form or conversion)) for _, name, form, conversion in parts if name is not None]


class Declared(BaseModel):
    """A part of a definition, in which an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Span(Declared):
    """A length of time: the sum of what is given, each a year at most."""

    days: float = Field(0, ge=0, le=366)
    hours: float = Field(0, ge=0, le=366 * 24)
    minutes: float = Field(0, ge=0, le=366 * 24 * 60)

    @property
    def length(self) -> timedelta:
        """The same as a difference of times."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class Trigger(Declared):
    """The event that a run begins with. `key`: its property that says what the run is about; none: the customer alone.

    within: how old it may be when it is heard of; none: the first step's wait and `LATE`.
    """

    event: Name
    key: Path | None = None
    within: Span | None = None


class Match(Declared):
    """An event, about what the run is about where `key` names its property (`products.product_id`: any of a list)."""

    event: Name
    key: Path | None = None


class Wait(Span):
    """Until this long after the step began, or after the step named by `since` last did."""

    since: Name | None = None


class WaitFor(Match):
    """Until an event comes; when none came `within` the time, the run ends.

    falls_by_percent: the event's `price` has to be this much below the one that the run began with.
    """

    within: Span
    falls_by_percent: float | None = Field(None, gt=0, lt=100)


class Check(Match):
    """Ends the run if the event came since it began."""


class Suggest(Declared):
    """Ask which products complement those that the run began with; where there are none, the run ends."""

    limit: int = Field(ge=1, le=50)


class Decide(Declared):
    """Ask the service; unless it acts, the run goes on at the step `otherwise`, or ends."""

    decisions: tuple[DecisionName, ...] = Field(min_length=1)
    otherwise: Name | None = None


class Text(Declared):
    """What a message says; `{amount}` and the other `PLACEHOLDERS` are filled in."""

    title: str = Field(min_length=1)
    body: str = Field(min_length=1)

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        found = placeholders(self.title) + placeholders(self.body)
        if not all(is_alone for _, is_alone in found):
            raise ValueError(
                "found a placeholder with a format; wanted its name alone, it is written as it is"
            )
        if unknown := {name for name, _ in found} - PLACEHOLDERS:
            raise ValueError(
                f"found the placeholders {sorted(unknown)}; wanted some of {sorted(PLACEHOLDERS)}"
            )
        return self


class Send(Declared):
    """Send what was decided, when it was decided for.

    In the text of the decided variant; with a coupon, in the text `coupon`; where there is no such text, in `default`.
    A decision without a channel is shown on the page that the customer is on.
    """

    topic: Name
    texts: Mapping[Name, Text]

    @model_validator(mode="after")
    def _has_a_default(self) -> Self:
        if "default" not in self.texts:
            raise ValueError(f"found texts for {sorted(self.texts)}; wanted one named default, too")
        return self


class Repeat(Declared):
    """Go on at an earlier step."""

    step: Name


class Step(Declared):
    """One thing to do: just one of its fields is given."""

    wait: Wait | None = None
    wait_for: WaitFor | None = None
    check: Check | None = None
    suggest: Suggest | None = None
    decide: Decide | None = None
    send: Send | None = None
    repeat: Repeat | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = self.model_fields_set
        if len(given) != 1 or self.action is None:
            raise ValueError(f"found {sorted(given)}; wanted just one of {sorted(type(self).model_fields)}")
        return self

    @property
    def action(self) -> Wait | WaitFor | Check | Suggest | Decide | Send | Repeat:
        """What is given."""
        found: Wait | WaitFor | Check | Suggest | Decide | Send | Repeat = getattr(
            self, next(iter(self.model_fields_set))
        )
        return found


class Journey(Declared):
    """A journey. `reentry`: how long after a run the same customer and key may begin another; while one runs, none."""

    journey: Name
    description: str
    trigger: Trigger
    reentry: Span
    exit: tuple[Match, ...] = ()
    steps: Mapping[Name, Step] = Field(min_length=1)

    @property
    def matches(self) -> tuple[Match, ...]:
        """What it listens for besides the trigger."""
        found = [
            *self.exit,
            *(step.check for step in self.steps.values()),
            *(s.wait_for for s in self.steps.values()),
        ]
        return tuple(match for match in found if match is not None)

    @property
    def events(self) -> frozenset[str]:
        """The events that it listens to."""
        return frozenset({self.trigger.event, *(match.event for match in self.matches)})

    @property
    def oldest_trigger(self) -> timedelta:
        """How old a trigger may be: older ones begin nothing."""
        if self.trigger.within is not None:
            return self.trigger.within.length
        match next(iter(self.steps.values())).action:
            case Wait() as wait:
                return wait.length + LATE
            case WaitFor() as awaited:
                return awaited.within.length + LATE
            case _:
                return LATE

    def after(self, step: str) -> str | None:
        """The step after this one; None after the last."""
        names = list(self.steps)
        place = names.index(step) + 1
        return names[place] if place < len(names) else None

    @model_validator(mode="after")
    def _steps_are_sound(self) -> Self:
        names = list(self.steps)
        for where, wanted in self._named_steps():
            if wanted not in self.steps:
                raise ValueError(f"steps.{where}: found the step {wanted!r}; wanted one of {names}")
        is_decided = False
        for place, (name, step) in enumerate(self.steps.items()):
            before = names[:place]
            if step.send is not None and not is_decided:
                raise ValueError(
                    f"steps.{name}: found a send with nothing decided; wanted a decide of its own before it"
                )
            is_decided = step.decide is not None or (is_decided and step.send is None)
            if step.decide is not None and step.decide.otherwise in (*before, name):
                raise ValueError(
                    f"steps.{name}: otherwise goes back to {step.decide.otherwise!r}; wanted a later step"
                )
            if step.repeat is not None:
                self._repeat_passes_time(name, names[: place + 1])
        return self

    def _named_steps(self) -> Iterator[tuple[str, str]]:
        for name, step in self.steps.items():
            if step.wait is not None and step.wait.since is not None:
                yield name, step.wait.since
            if step.decide is not None and step.decide.otherwise is not None:
                yield name, step.decide.otherwise
            if step.repeat is not None:
                yield name, step.repeat.step

    def _repeat_passes_time(self, name: str, until: list[str]) -> None:
        """Raise unless every way round goes through a wait, which `otherwise` could jump over."""
        wanted = self.steps[name].repeat
        assert wanted is not None
        if wanted.step not in until[:-1]:
            raise ValueError(f"steps.{name}: found repeat of {wanted.step!r}; wanted an earlier step")
        round_trip = until[until.index(wanted.step) :]
        waits = [place for place, step in enumerate(round_trip) if _passes_time(self.steps[step])]
        jumps = [
            (place, round_trip.index(goal))
            for place, step in enumerate(round_trip)
            if (decide := self.steps[step].decide) and (goal := decide.otherwise) in round_trip
        ]
        if not any(all(not start < wait < goal for start, goal in jumps) for wait in waits):
            raise ValueError(
                f"steps.{name}: repeats for ever at one moment; wanted a wait of more than no time in between"
            )


def _passes_time(step: Step) -> bool:
    return step.wait is not None and step.wait.length > timedelta(0)
