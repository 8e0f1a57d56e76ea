"""Requests and answers about coupons as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.schemas import Identifier, Request

State = Literal["deferred", "out", "redeemed", "released", "expired"]


class RedeemRequest(Request):
    """A coupon that an order wants to use, by its code or by its token."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"code": "7K3M-9QXT-0R5C-HWB2", "order_id": "order-5512", "order_value": 180000}
        }
    )

    code: Annotated[str, Field(min_length=1, max_length=64, description="as shown or typed")] | None = None
    token: Annotated[str, Field(min_length=1, max_length=1024, description="the signed form")] | None = None
    order_id: Identifier = Field(description="the same order again gets the same answer")
    order_value: int | None = Field(
        None, ge=0, le=10**15, description="what the coupon is taken off: it cannot take off more than this"
    )
    customer_id: Identifier | None = Field(None, description="if given, the coupon has to be this customer's")

    @model_validator(mode="after")
    def _have_one_form(self) -> Self:
        if (self.code is None) == (self.token is None):
            raise ValueError("wanted either code or token")
        return self


class CouponState(BaseModel):
    """How a coupon stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "7K3M-9QXT-0R5C-HWB2",
                "state": "redeemed",
                "amount": 20000,
                "currency": "IRT",
                "expires_at": "2026-11-22T20:30:00Z",
                "decision_id": "019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
                "order_id": "order-5512",
                "redeemed_at": "2026-11-22T17:02:11Z",
                "discount": 20000,
            }
        }
    )

    code: str
    state: State = Field(
        description="deferred (its decision is not activated), out (it can be redeemed), redeemed, expired, or released: "
        "deferred and never activated, or its message reached nobody"
    )
    amount: int
    currency: str
    expires_at: datetime
    decision_id: str
    order_id: str | None = None
    redeemed_at: datetime | None = None
    discount: int | None = Field(None, description="what was taken off the order")


class JsonWebKey(BaseModel):
    """A public key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str
    x: str


class JsonWebKeys(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "keys": [
                    {
                        "kty": "OKP",
                        "crv": "Ed25519",
                        "alg": "EdDSA",
                        "use": "sig",
                        "kid": "O2onvM62",
                        "x": "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik",
                    }
                ]
            }
        }
    )

    keys: tuple[JsonWebKey, ...]
