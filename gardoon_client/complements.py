"""What is asked and answered about products that go with a cart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ComplementsRequest:
    """A cart, and what is not to be offered with it; the fields are those of `POST /v1/complements`.

    customer_id: whose purchases of the last `bought_within_days` are not to be offered; None there: as the model says.
    """

    cart: Sequence[str] = ()
    customer_id: str | None = None
    limit: int = 10
    exclude: Sequence[str] = ()
    bought_within_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class Complement:
    """A product that goes with the cart, most of all with `because_of`; `support`: baskets that held both."""

    product_id: str
    score: float
    support: int
    because_of: str | None


@dataclass(frozen=True, kw_only=True)
class ExcludedProduct:
    """A product that was not to be offered; `reason` is in_cart, excluded or bought_lately."""

    product_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Complements:
    """The products that go with a cart; `fallback`: why they are merely popular, None where they are not.

    unknown: products of the cart that the model does not know.
    """

    products: tuple[Complement, ...]
    fallback: str | None
    unknown: tuple[str, ...]
    excluded: tuple[ExcludedProduct, ...]
    bought_within_days: int
    versions: Mapping[str, str]
