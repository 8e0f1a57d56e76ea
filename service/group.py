"""Which group a customer is in: stable, and drawn anew only by a new salt."""

from __future__ import annotations

from models.policy import uniform
from service.decision_point import DecisionPoint
from service.point_limits import Shares
from service.schemas import Group


def assign_group(customer_id: str, salt: str, shares: Shares) -> Group:
    """The customer's group in a journey: a hash of salt and customer cut at the shares.

    >>> assign_group("1001", "wheel-1", Shares()) == "decisioning"
    True
    """
    place, cut = _place(customer_id, salt), 0.0
    cuts: tuple[tuple[Group, float], ...] = (
        ("holdout", shares.holdout),
        ("random", shares.random),
        ("business_as_usual", shares.business_as_usual),
    )
    for group, share in cuts:
        cut += share
        if place < cut:
            return group
    return "decisioning"


def _place(customer_id: str, salt: str) -> float:
    return uniform(customer_id, f"group\0{salt}")


def universal_holdout(point: DecisionPoint) -> float:
    """The share that the hold-out across journeys takes of this one: what customers have to be told is held from nobody."""
    return 0.0 if point.transactional else point.shop.holdout


def is_held_out_of_all(customer_id: str, point: DecisionPoint) -> bool:
    """Whether the universal hold-out has the customer, as far as it takes of this journey."""
    share = universal_holdout(point)
    return share > 0 and _place(customer_id, point.shop.salt) < share


def group_of(customer_id: str, point: DecisionPoint) -> Group:
    """The customer's group in a journey; the universal hold-out is held out of all but transactional ones."""
    if is_held_out_of_all(customer_id, point):
        return "holdout"
    return assign_group(customer_id, point.salt, point.shares)
