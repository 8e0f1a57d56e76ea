"""Segments: who belongs, in a small declarative form over the declared features.

    name: high_intent
    description: Ordered in the last four weeks and looks around again.
    where:
      all:
        - {feature: orders_28d, at_least: 1}
        - any:
            - {count: product_views, within_days: 7, at_least: 3}
            - {feature: minutes_since_add_to_cart, at_most: 1440}
            - response: {topic: wheel, channel: sms, event: clicked, within_days: 90, at_least: 1}
        - not: {segment: left_alone}

A condition asks what scorers see: a feature's value, or its default where the customer has none. A value that is not known
(nan, or an empty text) meets no comparison, so `not` of one is met; `known: false` asks for just that. `rfm: frequency`,
`rfm_group: champions` and `top: 100, by: spend_365d` speak of a customer's place in the base. Whether a customer belongs is
told by `features/membership.py`.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationInfo, model_validator

from features.declared import Declared
from features.schema import CHANNELS, Schema

SCORES: Final = range(1, 6)
"""Of RFM, 5 being best."""
OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "more_than": operator.gt,
    "less_than": operator.lt,
    "exactly": operator.eq,
}
"""What each bound asks of a value, be it a number or a table's column."""
MOST_DAYS: Final = 3660
NAME = "^[a-z][a-z0-9_]{0,63}$"
Channel = Literal["email", "sms", "app_push", "web_push"]
_TOLD_ON: Final[Mapping[str, tuple[str, ...]]] = {"opened": ("email", "app_push")}
"""The channels on which an event is told of, where that is not on all of them."""
RfmPart = Literal["recency", "frequency", "monetary"]
GroupName = Literal[
    "champions",
    "loyal",
    "potential_loyalists",
    "new",
    "promising",
    "need_attention",
    "about_to_sleep",
    "cannot_lose",
    "at_risk",
    "hibernating",
]


def _check_type(schema: Schema, name: str, asked: str) -> None:
    """Raises `ValueError` when no feature has that name, or one that cannot be asked this."""
    types = {column: each.type for each in schema.features for column in each.columns or (each.name,)}
    if name not in types:
        near = difflib.get_close_matches(name, types, n=3)
        raise ValueError(f"no feature {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    wanted = {"bool": "is", "string": "one_of"}.get(types[name], "a bound")
    if asked not in (wanted, "known"):
        raise ValueError(f"{name} is a {types[name]}; wanted {wanted}, or known")


def _windows(schema: Schema, count: str) -> list[int]:
    """Within how many days the schema has the count."""
    found = (re.fullmatch(rf"{re.escape(count)}_(\d+)d", name) for name in schema.columns)
    return sorted(int(match[1]) for match in found if match)


class _Part(Declared):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class Bounds(_Part):
    """What a value is compared with; all that are given have to hold."""

    at_least: float | None = None
    at_most: float | None = None
    more_than: float | None = None
    less_than: float | None = None
    exactly: float | None = None

    @property
    def given(self) -> dict[str, float]:
        """The bounds that are given, by name."""
        return {name: value for name in Bounds.model_fields if (value := getattr(self, name)) is not None}

    def require_one(self) -> None:
        """Raises `ValueError` when none is given."""
        if not self.given:
            raise ValueError(f"wanted a bound: {', '.join(Bounds.model_fields)}")

    def holds(self, value: float) -> bool:
        """Whether a number is within all of the bounds; nan is within none."""
        return all(OPERATORS[name](value, bound) for name, bound in self.given.items())


class FeatureIs(Bounds):
    """A feature compared with numbers, with true or false, with texts, or asked whether it is known."""

    feature: str
    is_: bool | None = Field(None, alias="is")
    one_of: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(None, min_length=1)
    known: bool | None = None

    @model_validator(mode="after")
    def _ask_what_can_be_asked(self, info: ValidationInfo) -> Self:
        kinds = {"a bound": self.given or None, "is": self.is_, "one_of": self.one_of, "known": self.known}
        asked = [kind for kind, value in kinds.items() if value is not None]
        if len(asked) != 1:
            raise ValueError(f"wanted one of: a bound ({', '.join(Bounds.model_fields)}), is, one_of, known")
        if info.context and "schema" in info.context:
            _check_type(info.context["schema"], self.feature, asked[0])
        return self


class CountIs(Bounds):
    """How often something happened in the last so many days."""

    count: str = Field(description="such as product_views or orders")
    within_days: int = Field(gt=0, le=MOST_DAYS)

    @model_validator(mode="after")
    def _count_what_is_counted(self, info: ValidationInfo) -> Self:
        self.require_one()
        schema = (info.context or {}).get("schema")
        if schema is not None and self.feature not in schema.columns:
            raise ValueError(f"{self.feature} is no feature, so it is not known online; {self._near(schema)}")
        return self

    @property
    def feature(self) -> str:
        """The feature that holds the count."""
        return f"{self.count}_{self.within_days}d"

    def _near(self, schema: Schema) -> str:
        days = _windows(schema, self.count)
        return f"{self.count} are counted within {days} days" if days else f"nothing counts {self.count}"


class Response(Bounds):
    """How many messages of a topic or on a channel, or of all, somebody got, opened or clicked in the last so many days."""

    event: Literal["sent", "delivered", "opened", "clicked"]
    topic: str | None = None
    channel: Channel | None = None
    within_days: int = Field(gt=0, le=MOST_DAYS)

    @model_validator(mode="after")
    def _count_what_is_counted(self, info: ValidationInfo) -> Self:
        self.require_one()
        schema = (info.context or {}).get("schema")
        if schema is None:
            return self
        if self.topic is not None and self.topic not in schema.topics:
            raise ValueError(f"no topic {self.topic!r}; there are {', '.join(schema.topics)}")
        missing = [name for name in self.features if name not in schema.columns]
        if missing:
            raise ValueError(
                f"{', '.join(missing)}: no feature, so it is not known online; "
                f"{self._near(schema) or f'no {self.event} messages are counted by topic'}"
            )
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """The features that add up to the count."""
        channels = (self.channel,) if self.channel else _TOLD_ON.get(self.event, CHANNELS)
        return tuple(self._feature(channel, f"{self.within_days}d") for channel in channels)

    def _feature(self, channel: str, end: str) -> str:
        return "_".join(filter(None, (self.event, self.topic, channel, end)))

    def _near(self, schema: Schema) -> str:
        """What is counted of these messages: within how many days on which channels."""
        return "; ".join(
            f"{self.event} messages are counted on {channel} within {days} days"
            for channel in CHANNELS
            if (days := _windows(schema, self._feature(channel, "")))
        )


class ResponseIs(_Part):
    """The response to earlier messages, by topic and channel."""

    response: Response


class RfmScore(Bounds):
    """A score from 1 to 5, 5 being best: by the edges of a base (`features/rfm_score.py`)."""

    rfm: RfmPart

    @model_validator(mode="after")
    def _allow_a_score(self) -> Self:
        if not self.given or not any(self.holds(score) for score in SCORES):
            raise ValueError(
                f"wanted a bound ({', '.join(Bounds.model_fields)}) that a score from 1 to 5 meets"
            )
        return self


class RfmGroup(_Part):
    """One of the named groups by recency and frequency."""

    rfm_group: GroupName


class Top(_Part):
    """The customers with the largest values of a feature, over the whole base: not known of one customer alone.

    Equal values are told apart by `customer_id`; who has none is not among them.
    """

    top: int = Field(gt=0, le=10**9)
    by: str

    @model_validator(mode="after")
    def _rank_by_a_number(self, info: ValidationInfo) -> Self:
        if info.context and "schema" in info.context:
            _check_type(info.context["schema"], self.by, "a bound")
        return self


class InSegment(_Part):
    """Belonging to another segment."""

    segment: str = Field(pattern=NAME)


class AllOf(_Part):
    """Every one of them."""

    all: tuple[Condition, ...] = Field(min_length=1)


class AnyOf(_Part):
    """One of them at least."""

    any: tuple[Condition, ...] = Field(min_length=1)


class Not(_Part):
    """The others."""

    not_: Condition = Field(alias="not")


_KINDS = {
    "all": AllOf,
    "any": AnyOf,
    "not": Not,
    "segment": InSegment,
    "feature": FeatureIs,
    "count": CountIs,
    "response": ResponseIs,
    "rfm": RfmScore,
    "rfm_group": RfmGroup,
    "top": Top,
}


def _kind(written: Any) -> str | None:
    """The tag of a condition: which of the kinds' own fields it has, if just one."""
    if isinstance(written, BaseModel):
        return next(f"<{name}>" for name, kind in _KINDS.items() if type(written) is kind)
    own = [name for name in _KINDS if isinstance(written, Mapping) and name in written]
    return f"<{own[0]}>" if len(own) == 1 else None


Condition = Annotated[
    Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[InSegment, Tag("<segment>")]
    | Annotated[FeatureIs, Tag("<feature>")]
    | Annotated[CountIs, Tag("<count>")]
    | Annotated[ResponseIs, Tag("<response>")]
    | Annotated[RfmScore, Tag("<rfm>")]
    | Annotated[RfmGroup, Tag("<rfm_group>")]
    | Annotated[Top, Tag("<top>")],
    Discriminator(
        _kind,
        custom_error_type="condition",
        custom_error_message=f"wanted a condition: a mapping with just one of {', '.join(_KINDS)}",
    ),
]


class Segment(_Part):
    """Customers who meet a condition."""

    name: str = Field(pattern=NAME)
    description: str
    where: Condition


for _model in (AllOf, AnyOf, Not, Segment):
    _model.model_rebuild()
