"""Which group a customer is in: stable, and drawn anew only by a new salt."""

from __future__ import annotations

from models.policy import uniform
from service.decision_point import Shares
from service.schemas import Group


def assign_group(customer_id: str, salt: str, shares: Shares) -> Group:
    """The customer's group in a journey: a hash of salt and customer cut at the shares.

    >>> assign_group("1001", "wheel-1", Shares()) == "decisioning"
    True
    """
    place = uniform(customer_id, f"group\0{salt}")
    if place < shares.holdout:
        return "holdout"
    if place < shares.holdout + shares.random:
        return "random"
    return "decisioning"
