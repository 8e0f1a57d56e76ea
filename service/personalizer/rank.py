"""Ranking the caller's actions: probabilities from the loop's model, one draw, the event durably logged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.feedback import Floats
from models.hashed_design import TooManyFeaturesError, hashed_designs
from models.policy import choose, uniform
from service.errors import InvalidRankError
from service.idempotency import fingerprint
from service.personalizer.event_log import RankEvent, log_event
from service.personalizer.schema import RankAnswer, RankedAction, RankRequest
from service.state import State


def rank(gardoon: State, loop: str, request: RankRequest) -> bytes:
    """The answer, logged; the draw's number comes from loop and event, so the same event is ranked alike.

    Raises: `EventReusedError`; `InvalidRankError` when there are too many features.
    """
    content = request.model_dump(mode="json", by_alias=True, exclude={"event_id"})
    event_id = request.event_id or gardoon.randomness(16).hex()
    number, ranking = gardoon.rank_models.current(loop)
    excluded = set(request.excluded_actions or ())
    eligible = np.array([action.id not in excluded for action in request.actions])
    designs = _designs(request)
    probabilities = ranking.probabilities(designs, eligible)
    action = choose(probabilities, uniform(event_id, f"rank\0{loop}"))
    event = RankEvent(
        loop=loop,
        event_id=event_id,
        ranked_at=gardoon.clock(),
        is_deferred=bool(request.defer_activation),
        fingerprint=fingerprint("rank", content),
        request=content,
        probabilities=probabilities.tolist(),
        action=action,
        model=number,
        answer=_answer(request, event_id, probabilities, action, eligible.tolist()),
    )
    return log_event(gardoon.engine, event)


def _designs(request: RankRequest) -> Floats:
    try:
        return hashed_designs(request.context_features or [], [action.features for action in request.actions])
    except TooManyFeaturesError as error:
        raise InvalidRankError(str(error)) from error


def _answer(
    request: RankRequest, event_id: str, probabilities: Floats, action: int, eligible: Sequence[bool]
) -> bytes:
    places = [place for place, open_ in enumerate(eligible) if open_]
    order = iter(sorted(places, key=lambda place: (place != action, -probabilities[place], place)))
    shown = [next(order) if open_ else place for place, open_ in enumerate(eligible)]
    ids = [each.id for each in request.actions]
    ranking = [RankedAction(id=ids[place], probability=float(probabilities[place])) for place in shown]
    answer = RankAnswer(ranking=ranking, eventId=event_id, rewardActionId=ids[action])
    return answer.model_dump_json(by_alias=True).encode()
