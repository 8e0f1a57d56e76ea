"""Items and lines of `POST /v1/decide/batch` as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import DecideRequest

MOST_OF_A_KEY = 255
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=MOST_OF_A_KEY, pattern=r"^[!-~]+$")]


class BatchItem(DecideRequest):
    """One request of a batch."""

    idempotency_key: IdempotencyKey | None = Field(
        None, description="as the header of a single request: the item sent again gets its first answer"
    )


class BatchLine(BaseModel):
    """What became of one item: an answer with status 200, else a problem."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "index": 1,
                "status": 404,
                "problem": {
                    "type": "about:blank",
                    "title": "Unknown journey",
                    "status": 404,
                    "detail": "no journey 'lucky_weel'; there are ['lucky_wheel']",
                },
            }
        }
    )

    index: int = Field(ge=0, description="the item's place in the batch, from 0")
    status: int = Field(description="what the item would have been answered with by itself")
    answer: dict[str, Any] | None = Field(None, description="with 200: as of POST /v1/decide")
    problem: dict[str, Any] | None = Field(None, description="otherwise: as an RFC 9457 problem document")
    retry_after_s: int | None = Field(None, description="when to send the item again, where that helps")
