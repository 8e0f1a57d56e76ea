"""How often what is offered for a cart is what was bought: one product of a later basket is hidden and asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.complements import is_among
from models.feedback import Floats
from training.complements.baskets import Baskets, Chosen, Codes
from training.evaluation.bootstrap import Resamples

OFFERED: Final = 10
DAY_S: Final = 86_400
Ranker = Callable[[Codes, Codes, int], Codes]
"""From the codes of a cart, those to leave out (the cart among them) and how many are wanted, the codes to offer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cart:
    """A basket without one of its products, `hidden`; leave_out: the rest and what the customer bought lately, in order."""

    customer: int
    products: Codes
    hidden: int
    leave_out: Codes


@dataclass(frozen=True, kw_only=True)
class HitRate:
    """The share of carts whose hidden product is among the ten offered, with its 95 % interval."""

    value: float
    low: float
    high: float
    n_carts: int


def draw_carts(
    baskets: Baskets, since_s: int, *, lately_days: int, n_carts: int, rng: np.random.Generator
) -> list[Cart]:
    """At most so many carts, drawn from the baskets since that time that hold two products or more.

    What is hidden is drawn evenly among the basket's products that its customer had not bought in the `lately_days` before:
    the others are never offered. A basket without such a product is passed over.
    """
    starts, lately = baskets.starts, _Lately(baskets, lately_days)
    later = np.flatnonzero((baskets.ordered_s >= since_s) & (np.diff(starts) >= 2))
    carts: list[Cart] = []
    for basket in rng.permutation(later):
        if len(carts) == n_carts:
            break
        products = baskets.products[starts[basket] : starts[basket + 1]]
        recent = lately.before(int(basket))
        fresh = products[~is_among(products, recent)]
        if len(fresh) == 0:
            continue
        hidden = int(rng.choice(fresh))
        rest = products[products != hidden]
        customer = int(baskets.customers[basket])
        leave_out = np.unique(np.concatenate([rest, recent]))
        carts.append(Cart(customer=customer, products=rest, hidden=hidden, leave_out=leave_out))
    return carts


class _Lately:
    """What customers bought in the days before a basket of theirs."""

    def __init__(self, baskets: Baskets, days: int) -> None:
        self._baskets, self._starts, self._span_s = baskets, baskets.starts, days * DAY_S
        self._order = np.argsort(baskets.customers, kind="stable")  # by customer, and of each by time
        self._customers = baskets.customers[self._order]

    def before(self, basket: int) -> Codes:
        """The products, each once."""
        customer, at = self._baskets.customers[basket], self._baskets.ordered_s[basket]
        low, high = np.searchsorted(self._customers, [customer, customer + 1])
        own = self._order[low:high]
        times = self._baskets.ordered_s[own]
        first, last = np.searchsorted(times, [at - self._span_s, at])
        lines = [self._baskets.products[self._starts[b] : self._starts[b + 1]] for b in own[first:last]]
        return np.unique(np.concatenate(lines)) if lines else np.empty(0, dtype=np.int32)


def find_hits(ranker: Ranker, carts: list[Cart]) -> Chosen:
    """Whether each cart's hidden product is among those offered, `(n_carts,)`."""
    return np.array(
        [cart.hidden in ranker(cart.products, cart.leave_out, OFFERED) for cart in carts], dtype=np.bool_
    )


def hit_rate(hits: Chosen, customers: Codes, rng: np.random.Generator) -> HitRate:
    """The share of hits; the interval is the bootstrap's over customers, whose carts are alike."""
    terms = _by_customer({"hits": hits}, customers)
    low, high = Resamples.of(terms, rng).interval(lambda m: np.asarray(m[:, 0] / m[:, 1]), [1])
    return HitRate(value=float(hits.mean()), low=low, high=high, n_carts=len(hits))


def difference(
    one: Chosen, other: Chosen, customers: Codes, rng: np.random.Generator
) -> tuple[float, float, float]:
    """How much higher the first share of hits is, with its interval, on the same carts."""
    terms = _by_customer({"one": one, "other": other}, customers)
    low, high = Resamples.of(terms, rng).interval(lambda m: np.asarray((m[:, 0] - m[:, 1]) / m[:, 2]), [2])
    return float(one.mean() - other.mean()), low, high


def _by_customer(hits: Mapping[str, Chosen], customers: Codes) -> Floats:
    """Of each customer the hits of each kind and, last, the carts."""
    _, of = np.unique(customers, return_inverse=True)
    counted = (*hits.values(), np.ones(len(customers)))
    columns = [np.bincount(of, each.astype(np.float64)).astype(np.float64) for each in counted]
    return np.column_stack(columns)
