"""What can be offered for a cart, as the contest asks for it: our complements, and what they have to beat."""

from __future__ import annotations

import numpy as np

from models.complements import Complements, is_among
from training.complements.association import PairCounts
from training.complements.baskets import Baskets, Codes
from training.complements.contest import Ranker


def complements_ranker(complements: Complements, counts: PairCounts, n_products: int) -> Ranker:
    """As it is served: the cart's complements, or what is popular where nothing in the cart is known."""
    places = _places(counts.known, n_products)

    def rank(cart: Codes, leave_out: Codes, limit: int) -> Codes:
        known, left_out = _known(places, cart), _known(places, leave_out)
        found, _ = complements.strongest(known, left_out, limit)
        if len(found) == 0:
            found = complements.popular_places(left_out, limit)
        return counts.known[found]

    return rank


def popularity_ranker(baskets: Baskets) -> Ranker:
    """The products in most baskets, for every cart the same."""
    order = _by_popularity(baskets)

    def rank(_cart: Codes, leave_out: Codes, limit: int) -> Codes:
        first = order[: limit + len(leave_out)]
        return first[~is_among(first, leave_out)][:limit]

    return rank


def category_ranker(baskets: Baskets) -> Ranker:
    """The products in most baskets among those of the cart's categories."""
    by_category = _best_of_each(baskets)
    held = np.bincount(baskets.products, minlength=len(baskets.product_ids))

    def rank(cart: Codes, leave_out: Codes, limit: int) -> Codes:
        wanted = limit + len(leave_out)
        first = np.concatenate([by_category[each][:wanted] for each in np.unique(baskets.categories[cart])])
        first = first[~is_among(first, leave_out)]
        return first[np.lexsort((first, -held[first]))][:limit]

    return rank


def best_of_categories_ranker(baskets: Baskets, of_categories: Ranker) -> Ranker:
    """The most popular product of each category that goes with the cart's categories."""
    by_category = _best_of_each(baskets)

    def rank(cart: Codes, leave_out: Codes, limit: int) -> Codes:
        own = np.unique(baskets.categories[cart])
        best = []
        for category in of_categories(own, own, limit):
            first = by_category[category][: 1 + len(leave_out)]
            best.append(first[~is_among(first, leave_out)][:1])
        return np.concatenate(best) if best else np.empty(0, dtype=np.int32)

    return rank


def random_ranker(baskets: Baskets, rng: np.random.Generator) -> Ranker:
    """Any products that were ever bought."""
    bought = np.unique(baskets.products)

    def rank(_cart: Codes, leave_out: Codes, limit: int) -> Codes:
        drawn = rng.choice(bought, size=min(len(bought), limit + len(leave_out)), replace=False)
        return drawn[~is_among(drawn, leave_out)][:limit]

    return rank


def _places(known: Codes, n_products: int) -> Codes:
    places = np.full(n_products, -1, dtype=np.int32)
    places[known] = np.arange(len(known), dtype=np.int32)
    return places


def _known(places: Codes, codes: Codes) -> Codes:
    found = places[codes]
    return found[found >= 0]


def _by_popularity(baskets: Baskets) -> Codes:
    held = np.bincount(baskets.products, minlength=len(baskets.product_ids))
    return np.argsort(-held, kind="stable")[: int((held > 0).sum())].astype(np.int32)


def _best_of_each(baskets: Baskets) -> list[Codes]:
    """Of each category its products by popularity."""
    order = _by_popularity(baskets)
    return [order[baskets.categories[order] == each] for each in range(len(baskets.category_names))]
