"""The client against the OpenAPI document: it asks every endpoint that a shop's code would, and reads every example.

A new endpoint fails here until `CALLS` says how the client asks it, or `NOT_ASKED` why it does not.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

import gardoon_client as ours
from gardoon_client import (
    AsyncClient,
    Client,
    ComplementsRequest,
    DecideRequest,
    Outcome,
    ProblemError,
    RedeemRequest,
    Retry,
    UnreadableAnswerError,
    WheelLinkRequest,
)
from gardoon_client.reader import RAW
from service import allowance_schema, customer_schema, schemas, segment_schema
from service.app import create_app
from service.complements import schema as complements_schema
from service.coupons import schema as coupon_schema
from service.wheel import schema as wheel_schema

Asking = Callable[[Any], Any]
DOCUMENT: dict[str, Any] = create_app().openapi()
AT = datetime(2026, 11, 15, tzinfo=UTC)
DECIDE = DecideRequest(customer_id="1001", journey="lucky_wheel", idempotency_key="wheel-1001-7")
CLICK = Outcome(event_id="e1", decision_id="d1", kind="clicked", occurred_at=AT)

CALLS: Mapping[str, Asking] = {
    "POST /v1/decide": lambda client: client.decide(DECIDE),
    "POST /v1/decide/batch": lambda client: client.decide_many([DECIDE, DECIDE]),
    "POST /v1/complements": lambda client: client.complements(ComplementsRequest(cart=["883404"])),
    "POST /v1/score": lambda client: client.score("1001"),
    "POST /v1/outcomes": lambda client: client.tell([CLICK]),
    "GET /v1/decisions/{decision_id}": lambda client: client.read_decision("a/b"),
    "POST /v1/decisions/{decision_id}/activate": lambda client: client.activate("a/b"),
    "POST /v1/coupons/redeem": lambda client: client.redeem(RedeemRequest(order_id="o1", code="7K3M")),
    "GET /v1/coupons/keys": lambda client: client.coupon_keys(),
    "GET /v1/coupons/{code}": lambda client: client.coupon("7K3M-9QXT-0R5C-HWB2"),
    "GET /v1/customers/{customer_id}": lambda client: client.customer("1001", before="1~e1"),
    "GET /v1/customers/{customer_id}/allowance": lambda client: client.allowance("1001"),
    "GET /v1/budgets": lambda client: client.budgets(),
    "GET /v1/groups": lambda client: client.groups(since=AT),
    "GET /v1/segments": lambda client: client.segments(),
    "POST /v1/wheel/links": lambda client: client.wheel_link(WheelLinkRequest(customer_id="1001")),
}
FORMER = "for users of the former service, who have its clients"
TELLING = "asked by Segment's and RudderStack's own clients"
WATCHED = "asked by what watches the service, not by a shop's code"
NOT_ASKED: Mapping[str, str] = {
    "POST /personalizer/v1.0/rank": FORMER,
    "POST /personalizer/v1.0/events/{event_id}/reward": FORMER,
    "POST /personalizer/v1.0/events/{event_id}/activate": FORMER,
    **{
        f"POST /v1/{kind}": TELLING
        for kind in ("identify", "track", "page", "screen", "alias", "group", "batch")
    },
    "GET /healthz": WATCHED,
    "GET /readyz": WATCHED,
    "GET /metrics": WATCHED,
}
READ: Mapping[type, type] = {
    schemas.Activation: ours.Activation,
    schemas.Answer: ours.Decision,
    schemas.Counterfactual: ours.Counterfactual,
    schemas.Coupon: ours.Coupon,
    schemas.Flip: ours.Flip,
    schemas.LoggedDecision: ours.LoggedDecision,
    schemas.OutcomeResult: ours.OutcomeResult,
    schemas.Reason: ours.Reason,
    schemas.ScoreAnswer: ours.ScoredCustomer,
    schemas.Scores: ours.Scores,
    schemas.WithoutRule: ours.WithoutRule,
    coupon_schema.CouponState: ours.CouponState,
    coupon_schema.JsonWebKey: ours.CouponKey,
    coupon_schema.JsonWebKeys: ours.CouponKeys,
    allowance_schema.AllowanceAnswer: ours.Allowance,
    allowance_schema.BudgetNow: ours.Budget,
    allowance_schema.BudgetsAnswer: ours.Budgets,
    allowance_schema.CapAllowance: ours.CapAllowance,
    allowance_schema.ChannelAllowance: ours.ChannelAllowance,
    allowance_schema.DrawAllowance: ours.DrawAllowance,
    allowance_schema.GroupsAnswer: ours.Groups,
    allowance_schema.GroupsNow: ours.GroupShares,
    allowance_schema.JourneyAllowance: ours.JourneyAllowance,
    allowance_schema.MessagePlace: ours.MessagePlace,
    customer_schema.CustomerAnswer: ours.Customer,
    customer_schema.SegmentNow: ours.SegmentMembership,
    customer_schema.TimelineEvent: ours.TimelineEvent,
    customer_schema.TraitNow: ours.Trait,
    customer_schema.ViewNow: ours.FeatureView,
    segment_schema.DeclaredSegment: ours.Segment,
    segment_schema.SegmentsAnswer: ours.Segments,
    complements_schema.ComplementNow: ours.Complement,
    complements_schema.ComplementsAnswer: ours.Complements,
    complements_schema.Excluded: ours.ExcludedProduct,
    wheel_schema.WheelLink: ours.WheelLink,
}


class Value(Protocol):
    """Any of the client's dataclasses."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def operations() -> dict[str, dict[str, Any]]:
    paths = DOCUMENT["paths"].items()
    return {f"{method.upper()} {path}": found for path, methods in paths for method, found in methods.items()}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def answers(operation: str) -> Iterator[tuple[int, str, Any]]:
    """Status, media type and example of everything that the document says the endpoint may answer."""
    for status, response in operations()[operation]["responses"].items():
        for media_type, content in response.get("content", {}).items():
            shown = content.get("examples", {}).values() or [content]
            for example in map(resolved, shown):
                value = example.get("value", example.get("example"))
                yield (
                    int(status),
                    media_type,
                    resolved(content["schema"]).get("example") if value is None else value,
                )


EXAMPLES = [
    pytest.param(operation, *answer, id=f"{operation} {answer[0]} {number}")
    for operation in CALLS
    for number, answer in enumerate(answers(operation))
]


def response_of(status: int, media_type: str, example: Any) -> httpx.Response:
    content = example if isinstance(example, str) else json.dumps(example)
    return httpx.Response(status, headers={"content-type": media_type}, content=content)


def ask(asking: Asking, answer: httpx.Response) -> tuple[Any, list[httpx.Request]]:
    """What the client makes of this answer, or the error, and what it asked; never again."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    http = httpx.Client(transport=httpx.MockTransport(handle))
    with Client("http://gardoon", retry=Retry(attempts=1), http=http) as client:
        try:
            return asking(client), seen
        except ProblemError as error:
            return error, seen


def test_the_client_asks_every_endpoint_or_says_why_not() -> None:
    assert CALLS.keys() | NOT_ASKED.keys() == operations().keys()
    assert not CALLS.keys() & NOT_ASKED.keys()


@pytest.mark.parametrize("operation", CALLS)
def test_a_question_goes_where_it_should_and_is_as_documented(operation: str) -> None:
    example = next(answer for answer in answers(operation) if answer[0] == 200)

    _, (sent,) = ask(CALLS[operation], response_of(*example))

    method, path = operation.split(" ")
    wanted = re.sub(r"\{\w+\}", "[^/?]+", path)
    assert sent.method == method
    assert re.fullmatch(wanted, sent.url.raw_path.decode().partition("?")[0])
    named = {each["name"] for each in operations()[operation].get("parameters", ()) if each["in"] == "query"}
    assert set(sent.url.params) <= named
    if "requestBody" in operations()[operation]:
        content = operations()[operation]["requestBody"]["content"][sent.headers["content-type"]]
        if content["schema"].get("type") != "string":  # of lines each is held to its schema when it arrives
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(json.loads(sent.content))


@pytest.mark.parametrize(("operation", "status", "media_type", "example"), EXAMPLES)
def test_every_example_of_the_document_is_read(
    operation: str, status: int, media_type: str, example: Any
) -> None:
    found, _ = ask(CALLS[operation], response_of(status, media_type, example))

    if status == 200:
        assert not isinstance(found, Exception)
        return
    assert type(found) is not ProblemError
    assert isinstance(found, ProblemError)
    assert (found.status, found.document) == (status, example)
    assert (found.title, found.detail) == (example["title"], example["detail"])


@pytest.mark.parametrize("operation", CALLS)
def test_the_async_client_reads_the_same(operation: str) -> None:
    example = next(answer for answer in answers(operation) if answer[0] == 200)
    wanted, _ = ask(CALLS[operation], response_of(*example))

    async def asked() -> Any:
        transport = httpx.MockTransport(lambda _: response_of(*example))
        http = httpx.AsyncClient(transport=transport)
        async with AsyncClient("http://gardoon", retry=Retry(attempts=1), http=http) as client:
            return await CALLS[operation](client)

    assert repr(asyncio.run(asked())) == repr(wanted)


def test_the_values_of_the_batchs_example_are_a_decision_and_a_problem() -> None:
    example = next(answer for answer in answers("POST /v1/decide/batch") if answer[0] == 200)

    (decision, problem), _ = ask(CALLS["POST /v1/decide/batch"], response_of(*example))

    assert isinstance(decision, ours.Decision)
    assert isinstance(problem, ProblemError)


@pytest.mark.parametrize("model", READ, ids=[model.__name__ for model in READ])
def test_the_clients_values_have_every_field_that_the_service_answers(model: type) -> None:
    kind: type[Value] = READ[model]

    assert field_names(model) <= field_names(kind) - {RAW}


def field_names(kind: Any) -> set[str]:
    """The fields of a dataclass or of a pydantic model."""
    return set(kind.model_fields) if issubclass(kind, BaseModel) else {field.name for field in fields(kind)}


def test_every_value_that_the_client_reads_is_compared_with_the_services() -> None:
    made = {resolved({"$ref": f"#/components/schemas/{name}"})["title"] for name in answered_schemas()}

    assert made - {"OutcomesAnswer", "Problem"} <= {model.__name__ for model in READ}


def answered_schemas() -> set[str]:
    """The names of all schemas that a successful answer to the client consists of."""
    found: set[str] = set()
    waiting = [operations()[operation]["responses"]["200"] for operation in CALLS]
    while waiting:
        for name in set(re.findall(r"#/components/schemas/(\w+)", json.dumps(waiting.pop()))) - found:
            found.add(name)
            waiting.append(DOCUMENT["components"]["schemas"][name])
    return found


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (b"[]", "Budgets: found list"),
        (b"{}", "Budgets.currency: found None"),
        (b'{"currency": 5, "budgets": []}', "Budgets.currency: found 5"),
        (b'{"currency": "IRT", "budgets": [{"journey": "w"}]}', r"Budgets.budgets\[0\].day"),
    ],
)
def test_an_answer_that_is_not_as_known_is_an_error_that_names_the_place(answer: bytes, named: str) -> None:
    with pytest.raises(UnreadableAnswerError, match=named):
        ask(CALLS["GET /v1/budgets"], httpx.Response(200, content=answer))


def test_what_a_newer_service_adds_is_left_out() -> None:
    answer = b'{"currency": "IRT", "budgets": [], "forecast": {"a": 1}}'

    found, _ = ask(CALLS["GET /v1/budgets"], httpx.Response(200, content=answer))

    assert found == ours.Budgets(currency="IRT", budgets=())
