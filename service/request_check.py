"""What a request asks for against what its journey has: checked for every decision before any is made."""

from __future__ import annotations

from collections.abc import Iterator

from service.course import Facts
from service.decision_point import DecisionPoint
from service.errors import UnusableRequestError
from service.guardrails.reason import Found, give_reason
from service.model_set import ModelSet
from service.point_decisions import DecisionName
from service.schemas import DecideRequest, Reason


def check_request(request: DecideRequest, point: DecisionPoint, models: ModelSet) -> tuple[DecisionName, ...]:
    """The decisions asked for, in the order of the factored decision.

    Names are held against all that the policies know, so a caller may exclude for every journey what only some have.

    Raises: `UnusableRequestError` when the journey does not make a decision, or a named action is none of a decision's.
    """
    if not (request.decide or request.eligible or request.excluded or request.baseline or request.force):
        return point.decisions
    unknown = [name for name in request.decide if name not in point.decisions]
    if unknown:
        raise UnusableRequestError(
            f"journey {point.journey} decides {list(point.decisions)}; asked for {unknown}"
        )
    wanted = tuple(name for name in point.decisions if not request.decide or name in request.decide)
    for field, decision, named in _named(request):
        if decision not in wanted:
            raise UnusableRequestError(f"{field} names {decision!r}; decided is {list(wanted)}")
        actions = actions_of(decision, point, models)
        strange = sorted(set(named) - set(actions))
        if strange:
            raise UnusableRequestError(
                f"{field}: {decision} has the actions {list(actions)}; named were {strange}"
            )
    return wanted


def actions_of(decision: DecisionName, point: DecisionPoint, models: ModelSet) -> tuple[str, ...]:
    """The names of a decision's actions."""
    if decision == "message":
        assert point.message is not None
        return point.message.variants
    return models.policies[decision].policy.action_names


def _named(request: DecideRequest) -> Iterator[tuple[str, DecisionName, tuple[str, ...]]]:
    """Every field that names actions, with the decision and the names."""
    for field, several in (("eligible", request.eligible), ("excluded", request.excluded)):
        yield from ((field, decision, names) for decision, names in several.items())
    for field, one in (("baseline", request.baseline), ("force", request.force)):
        yield from ((field, decision, (name,)) for decision, name in one.items())


def passed_deadline(facts: Facts) -> Reason | None:
    """Why nothing can be done any more, when the request's deadline lies before the decision."""
    deadline = facts.request.deadline_at
    if deadline is None or deadline >= facts.decided_at:
        return None
    detail = f"nothing is sent after {deadline.isoformat()}, which has passed"
    return give_reason("deadline", detail, Found(deadline, facts.decided_at))
