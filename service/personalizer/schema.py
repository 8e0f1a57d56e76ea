"""Requests and answers of the Personalizer routes; unknown fields are ignored, as they were there."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MOST_ACTIONS = 50
EventId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _none_for_null(features: Any) -> Any:
    """No features where null stands for them, as some callers write an action without any."""
    return [] if features is None else features


class RankableAction(BaseModel):
    """An action that may be chosen, with what describes it."""

    id: EventId
    features: Annotated[list[dict[str, Any]], BeforeValidator(_none_for_null)] = []


class RankRequest(BaseModel):
    """Which of these actions to take in this context."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "contextFeatures": [{"timeOfDay": "morning", "device": {"os": "android"}}],
                "actions": [
                    {"id": "reminder", "features": [{"tone": "neutral", "length": 60}]},
                    {"id": "benefit", "features": [{"tone": "warm", "length": 90}]},
                    {"id": "discount", "features": [{"tone": "warm", "amount": 20000}]},
                ],
                "excludedActions": ["discount"],
                "eventId": "9a1f6c3e-1",
                "deferActivation": False,
            }
        }
    )

    context_features: list[dict[str, Any]] | None = Field(None, alias="contextFeatures", max_length=100)
    actions: list[RankableAction] = Field(min_length=1, max_length=MOST_ACTIONS)
    excluded_actions: list[str] | None = Field(None, alias="excludedActions")
    event_id: EventId | None = Field(
        None, alias="eventId", description="the event's own; one is made if none is given"
    )
    defer_activation: bool | None = Field(
        None, alias="deferActivation", description="it counts only once it is activated"
    )

    @model_validator(mode="after")
    def _leave_something_to_choose(self) -> Self:
        ids = [action.id for action in self.actions]
        if len(set(ids)) < len(ids):
            raise ValueError("an action's id stands twice")
        if not set(ids) - set(self.excluded_actions or ()):
            raise ValueError("every action is excluded")
        return self


class RankedAction(BaseModel):
    """An action with the probability with which it was chosen."""

    id: str
    probability: float


class RankAnswer(BaseModel):
    """The action to take, and the others behind it; excluded ones keep their places."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "ranking": [
                    {"id": "benefit", "probability": 0.9},
                    {"id": "reminder", "probability": 0.1},
                    {"id": "discount", "probability": 0.0},
                ],
                "eventId": "9a1f6c3e-1",
                "rewardActionId": "benefit",
            }
        }
    )

    ranking: list[RankedAction]
    event_id: str = Field(alias="eventId")
    reward_action_id: str = Field(alias="rewardActionId")


class RewardRequest(BaseModel):
    """How good the action turned out to be."""

    model_config = ConfigDict(json_schema_extra={"example": {"value": 1.0}})

    value: float = Field(ge=-1, le=1, allow_inf_nan=False)
