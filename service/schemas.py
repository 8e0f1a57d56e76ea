"""Requests and answers as they go over the wire; their fields are the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from models.reward import OutcomeKind
from service.point_decisions import DecisionName

_NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=_NO_CONTROLS)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=_NO_CONTROLS)]


def _in_reach(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"wanted a time from {EARLIEST:%Y} to {LATEST:%Y}")
    return at


EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, AfterValidator(_in_reach)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Fact = bool | int | Finite | Annotated[str, Field(max_length=256)]

Status = Literal["act", "hold", "suppressed", "holdout", "fallback"]
Group = Literal["decisioning", "random", "business_as_usual", "holdout"]


class Request(BaseModel):
    """A body in which an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Trigger(Request):
    """What made the journey engine ask."""

    name: Name
    at: Moment | None = None
    key: Identifier | None = Field(None, description="what the journey is about: a cart, a product")


class DecideRequest(Request):
    """One customer at one moment of one journey."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_id": "1001",
                "journey": "lucky_wheel",
                "decide": ["channel", "send_time", "coupon"],
                "trigger": {"name": "app_opened"},
                "explain": "scores",
            }
        }
    )

    customer_id: Identifier
    journey: Name
    decide: tuple[DecisionName, ...] = Field((), description="empty: everything that the journey declares")
    context: dict[Name, Fact] = Field(
        default_factory=dict, max_length=64, description="facts of the moment; recorded with the decision"
    )
    trigger: Trigger | None = None
    eligible: dict[DecisionName, tuple[Name, ...]] = Field(
        default_factory=dict, description="per decision, the only actions allowed"
    )
    excluded: dict[DecisionName, tuple[Name, ...]] = Field(
        default_factory=dict, description="per decision, actions not allowed"
    )
    baseline: dict[DecisionName, Name] = Field(
        default_factory=dict,
        description="per decision, what the caller would do by itself: done when time runs out",
    )
    force: dict[DecisionName, Name] = Field(
        default_factory=dict,
        description="for tests: per decision, the action to take unless a constraint forbids it; needs the scope admin "
        "unless it is a dry run, and is never learnt from or evaluated",
    )
    deadline_at: Moment | None = Field(
        None, description="nothing is sent after it; one that has passed suppresses"
    )
    timeout_ms: int | None = Field(
        None,
        ge=0,
        le=86_400_000,
        description="where reading features and standing takes longer than this, the baseline is done, with status fallback",
    )
    activate: Literal["now", "deferred"] = Field(
        "now",
        description="deferred: it counts only once POST /v1/decisions/{id}/activate has said that it was used",
    )
    dry_run: bool = Field(False, description="decide and answer, but log and learn nothing")
    explain: Literal["none", "scores", "counterfactual"] = Field(
        "none",
        description="scores: every action's probability; counterfactual: also what would have been chosen without each "
        "constraint, and the nearest change of an input that flips the choice",
    )


Unit = Literal["actions", "flag", "messages", "hours", "minutes", "money", "draws", "moment", "zones"]
Measure = bool | float | datetime | tuple[str, ...]


@dataclass(kw_only=True)
class Reason:
    """Why actions were not available, or why nothing was done; docs/api.md has a table of all rules."""

    __pydantic_config__ = ConfigDict(
        json_schema_extra={
            "example": {
                "rule": "cap:one_sms_a_day",
                "decision": "channel",
                "actions": ["sms"],
                "detail": "at most 1 sms messages in any 24 hours; 1 sent or scheduled",
                "unit": "messages",
                "limit": 1,
                "current": 1,
                "frees_at": "2026-11-23T08:00:00Z",
                "features": [],
            }
        }
    )

    rule: str
    decision: Annotated[DecisionName | None, Field(description="of which actions were taken; null: of all")]
    actions: Annotated[tuple[str, ...], Field(description="what the rule took away of what was still open")]
    detail: Annotated[str, Field(description="the same for people")]
    unit: Annotated[
        Unit,
        Field(
            description="what `limit` and `current` are: numbers (of messages, hours, minutes, draws or in the shop's "
            "currency), a flag (true or false), a moment, or names (of actions, of time zones)"
        ),
    ]
    limit: Annotated[Measure, Field(description="what the rule allows")]
    current: Annotated[Measure | None, Field(description="what was found against it; null: it is not known")]
    frees_at: Annotated[
        datetime | None,
        Field(description="when the rule will allow it again; null: time alone changes nothing"),
    ]
    features: Annotated[
        tuple[str, ...], Field(description="the customer's features that it read, in the order of `actions`")
    ]


@dataclass(kw_only=True)
class WithoutRule:
    """A rule that bound the choice: without it, all others kept, another action would have been chosen."""

    rule: str
    choice: str | None


@dataclass(kw_only=True)
class Flip:
    """The smallest move found of a single input that changes the choice; docs/decision-points.md says how it is sought."""

    input: str
    value: Annotated[
        float | None, Field(description="null where it is unknown: it is then moved from its mean")
    ]
    moved_to: float
    standard_deviations: Annotated[
        float, Field(description="how far, in the input's own as the policy knows it; λ in units")
    ]
    choice: str


@dataclass(kw_only=True)
class Counterfactual:
    """Of one of the decisions, what would have been chosen otherwise, by the same random number."""

    chosen: Annotated[str | None, Field(description="null where nothing could be chosen")]
    bound_by: tuple[WithoutRule, ...]
    nearest: Annotated[
        Flip | None, Field(description="null where no single input within 3 standard deviations does")
    ]


@dataclass(kw_only=True)
class Scores:
    """What the scorers say of the customer now."""

    purchase_propensity: Annotated[
        float, Field(description="probability of an order in the scorer's horizon")
    ]
    churn_risk: Annotated[float, Field(description="probability of no order in the scorer's horizon")]
    expected_value: Annotated[int, Field(description="expected spend in the scorer's horizon")]
    currency: str


@dataclass(kw_only=True)
class Coupon:
    """The code to show or send."""

    code: Annotated[
        str | None, Field(description="to show and to type; null in a dry run: nothing was given")
    ]
    token: Annotated[
        str | None,
        Field(
            description="the same, signed: to check with the keys of GET /v1/coupons/keys alone; null in a dry run"
        ),
    ]
    amount: int
    currency: str
    expires_at: datetime


@dataclass(kw_only=True)
class Answer:
    """What to do, and everything needed to trust it."""

    __pydantic_config__ = ConfigDict(
        json_schema_extra={
            "example": {
                "decision_id": "019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
                "decided_at": "2026-11-22T09:30:00Z",
                "customer_id": "1001",
                "journey": "lucky_wheel",
                "status": "act",
                "group": "decisioning",
                "channel": "app_push",
                "send_at": "2026-11-22T16:30:00Z",
                "coupon": {
                    "code": "7K3M-9QXT-0R5C-HWB2",
                    "token": "eyJhbGciOiJFZERTQSIsInR5cCI6ImNvdXBvbitqd3QiLCJraWQiOiJPMm9udk02MiJ9.eyJqdGki...",
                    "amount": 20000,
                    "currency": "IRT",
                    "expires_at": "2026-11-22T20:30:00Z",
                },
                "message": None,
                "repeats": None,
                "activate_by": None,
                "propensity": {"channel": 0.61, "send_time": 0.18, "coupon": 0.42, "joint": 0.046},
                "scores": {
                    "purchase_propensity": 0.31,
                    "churn_risk": 0.22,
                    "expected_value": 1840000,
                    "currency": "IRT",
                },
                "probabilities": None,
                "customer_class": None,
                "counterfactuals": None,
                "reasons": [],
                "versions": {"features": "14ae1dc5715a673f", "snapshot": "12"},
                "degraded": [],
            }
        }
    )

    decision_id: str
    decided_at: datetime
    customer_id: str
    journey: str
    status: Status
    group: Group
    channel: str | None = None
    send_at: datetime | None = None
    coupon: Coupon | None = None
    message: str | None = None
    repeats: Annotated[
        str | None,
        Field(description="the decision whose draw this answer shows again: of a period there is one"),
    ] = None
    activate_by: Annotated[
        datetime | None,
        Field(
            description="until when a deferred decision, or the one that it repeats, has to be activated; "
            "null: nothing waits"
        ),
    ] = None
    propensity: Annotated[
        dict[str, float], Field(description="probability of each choice after masking, and of all together")
    ]
    scores: Scores
    probabilities: Annotated[
        dict[str, dict[str, float]] | None,
        Field(description="with explain: of every eligible action, per decision"),
    ] = None
    customer_class: Annotated[
        dict[str, float] | None,
        Field(
            description="with explain, where a coupon is decided: how surely the customer is persuadable, a sure_thing "
            "(orders anyway) or a lost_cause",
        ),
    ] = None
    counterfactuals: Annotated[
        dict[DecisionName, Counterfactual] | None,
        Field(description="with explain=counterfactual: what would have been chosen otherwise"),
    ] = None
    reasons: tuple[Reason, ...] = ()
    versions: dict[str, str]
    degraded: Annotated[
        tuple[str, ...], Field(description="inputs that were missing or stale and stood in for by defaults")
    ] = ()


class ScoreRequest(Request):
    """One customer to score."""

    model_config = ConfigDict(json_schema_extra={"example": {"customer_id": "1001"}})

    customer_id: Identifier


class ScoreAnswer(BaseModel):
    """The scores of one customer now."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_id": "1001",
                "scores": {
                    "purchase_propensity": 0.31,
                    "churn_risk": 0.22,
                    "expected_value": 1840000,
                    "currency": "IRT",
                },
                "versions": {"purchase_propensity": "0f3c9a5d1b7e2468"},
                "degraded": [],
            }
        }
    )

    customer_id: str
    scores: Scores
    versions: dict[str, str]
    degraded: tuple[str, ...]


class OutcomeItem(Request):
    """One fact that came back about a decision."""

    event_id: Identifier = Field(
        description="the caller's own id of the fact: sending it again changes nothing"
    )
    decision_id: Identifier
    kind: OutcomeKind
    value: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] = Field(
        0.0, description="amount for purchased, redeemed, refunded"
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    occurred_at: Moment


class OutcomesRequest(Request):
    """Facts in a batch; each is accepted or refused on its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "outcomes": [
                    {
                        "event_id": "push-7781-click",
                        "decision_id": "019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
                        "kind": "clicked",
                        "occurred_at": "2026-11-22T16:42:10Z",
                    }
                ]
            }
        }
    )

    outcomes: Annotated[tuple[OutcomeItem, ...], Field(min_length=1, max_length=1000)]


class OutcomeResult(BaseModel):
    """What became of one fact."""

    event_id: str | None = Field(description="null where the item had none")
    status: Literal[202, 200, 404, 409, 410, 422] = Field(
        description="202 accepted, 200 known already, 404 unknown decision, 409 id used for another fact, 410 told too long "
        "after the decision, 422 unusable"
    )
    detail: str


class OutcomesAnswer(BaseModel):
    """What became of each fact, in the order sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "accepted": 1,
                "results": [{"event_id": "push-7781-click", "status": 202, "detail": "accepted"}],
            }
        }
    )

    accepted: int
    results: tuple[OutcomeResult, ...]


class Activation(BaseModel):
    """Since when a decision is in effect."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "decision_id": "019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
                "activated_at": "2026-11-22T09:31:12Z",
            }
        }
    )

    decision_id: str
    activated_at: datetime


class Health(BaseModel):
    """How the worker is."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"status": "ready", "versions": {"snapshot": "12"}}}
    )

    status: Literal["alive", "ready"]
    versions: dict[str, str] | None = None


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unknown journey",
                "status": 404,
                "detail": "no journey 'lucky_weel'; there are ['lucky_wheel']",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = Field(None, description="for 422: each fault with its place")


class LoggedDecision(BaseModel):
    """A decision as logged: the answer's exact bytes, what it was made from, and what came back."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "decision_id": "019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
                "answer": {"status": "act", "channel": "app_push"},
                "rounds": [
                    {
                        "decision": "channel",
                        "inputs": ["click_rate_email"],
                        "context": [0.02],
                        "actions": ["email", "sms"],
                        "eligible": [True, True],
                        "probabilities": [0.4, 0.6],
                        "action": 1,
                        "propensity": 0.6,
                    }
                ],
                "outcomes": [{"kind": "clicked", "value": 0.0, "occurred_at": "2026-11-22T16:42:10Z"}],
            }
        }
    )

    decision_id: str
    answer: dict[str, Any]
    rounds: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
