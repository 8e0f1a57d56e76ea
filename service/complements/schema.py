"""What `POST /v1/complements` takes and answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import Identifier, Request

Fallback = Literal["empty_cart", "unknown_cart", "no_complements"]
Reason = Literal["in_cart", "excluded", "bought_lately"]


class ComplementsRequest(Request):
    """A cart, and what is not to be offered with it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"customer_id": "1001", "cart": ["883404"], "limit": 3, "exclude": ["1082185"]}
        }
    )

    customer_id: Identifier | None = Field(
        None,
        description="whose cart it is: what they bought lately is not offered; none: nothing is looked up",
    )
    cart: tuple[Identifier, ...] = Field((), max_length=200, description="product ids")
    limit: int = Field(10, ge=1, le=50, description="how many products are wanted")
    exclude: tuple[Identifier, ...] = Field(
        (), max_length=1_000, description="products not to be offered, out of stock for instance"
    )
    bought_within_days: int | None = Field(
        None, ge=0, le=365, description="how long ago lately was; by default what the model says, 0: never"
    )


class ComplementNow(BaseModel):
    """A product that goes with the cart."""

    product_id: str
    score: float = Field(
        description="how strongly; comparable within one answer. Of a fallback the share of baskets with it"
    )
    support: int = Field(
        description="baskets with this product and `because_of`; of a fallback all with this product"
    )
    because_of: str | None = Field(
        description="the product of the cart that says most for it; null in a fallback"
    )


class Excluded(BaseModel):
    """A product that was not to be offered, and why."""

    product_id: str
    reason: Reason


class ComplementsAnswer(BaseModel):
    """The products that go with the cart, the strongest first; fewer than asked for where the model has no more."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "products": [{"product_id": "981760", "score": 0.81, "support": 512, "because_of": "883404"}],
                "fallback": None,
                "unknown": [],
                "excluded": [
                    {"product_id": "1029743", "reason": "bought_lately"},
                    {"product_id": "1082185", "reason": "excluded"},
                    {"product_id": "883404", "reason": "in_cart"},
                ],
                "bought_within_days": 28,
                "versions": {"complements": "6a8fc2ba6cb82245"},
            }
        }
    )

    products: tuple[ComplementNow, ...]
    fallback: Fallback | None = Field(
        description="why these are merely popular products: the cart is empty, nothing in it is known, or nothing "
        "goes with it that may be offered; null: they go with the cart"
    )
    unknown: tuple[str, ...] = Field(description="products of the cart that the model does not know")
    excluded: tuple[Excluded, ...] = Field(description="each product once")
    bought_within_days: int
    versions: dict[str, str]
