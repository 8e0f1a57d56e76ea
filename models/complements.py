"""Which products go with a cart: the complements of each of its products, added up.

    score(q | cart) = Σ_{p in cart} s(p, q)

where s(p, q) is how strongly q goes with p (`training.complements.association`); of each p only the strongest q are kept,
all others count as 0. Products stand at places, which are their numbers in `product_ids`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact, ArtifactError

KIND: Final = "complements"
Places = NDArray[np.int32]
_ARRAYS: Final = {
    "starts": np.dtype(np.int64),
    "others": np.dtype(np.int32),
    "strengths": np.dtype(np.float32),
    "together": np.dtype(np.int32),
    "baskets": np.dtype(np.int32),
}


@dataclass(frozen=True)
class Complement:
    """A product that goes with a cart.

    support: the baskets that hold it together with `because_of`, which is the cart's product that says most for it; of a
    popular product, which goes with nothing in particular, all baskets that hold it.
    """

    product_id: str
    score: float
    support: int
    because_of: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Complements:
    """The strongest complements of every product, one product's after another's.

    Those of the product at place p stand from `starts[p]` to `starts[p + 1]`: `others` (places), `strengths` s(p, q) > 0,
    and `together`, the baskets with both. baskets: how many hold each product, `(n_products,)`.
    """

    product_ids: tuple[str, ...]
    starts: NDArray[np.int64]
    others: Places
    strengths: NDArray[np.float32]
    together: NDArray[np.int32]
    baskets: NDArray[np.int32]
    about: Mapping[str, Any]
    """What else the manifest says: of the data, the formula and how it was judged."""

    @cached_property
    def _place(self) -> dict[str, int]:
        return {product_id: place for place, product_id in enumerate(self.product_ids)}

    @cached_property
    def _by_popularity(self) -> Places:
        return np.argsort(-self.baskets, kind="stable").astype(np.int32)

    @property
    def lately_days(self) -> int:
        """For how many days somebody who bought a product is not offered it, unless a request says otherwise."""
        return int(self.about["lately_days"])

    def knows(self, product_id: str) -> bool:
        """Whether the product is one of those that anything is known of."""
        return product_id in self._place

    def places_of(self, product_ids: Iterable[str]) -> Places:
        """The places of those products that are known, each once, in order."""
        return np.array(sorted({self._place[p] for p in product_ids if p in self._place}), dtype=np.int32)

    def complements_of(
        self, cart: Collection[str], leave_out: Collection[str], limit: int
    ) -> tuple[Complement, ...]:
        """At most `limit` complements of the cart, the strongest first; of equal ones the more popular.

        None of the cart's own products or of those to `leave_out`; none at all where nothing in the cart is known.
        """
        places = self.places_of(cart)
        chosen, scores = self.strongest(places, self.places_of((*cart, *leave_out)), limit)
        entries = self._entries(places)
        return tuple(
            self._explained(entries, place, score) for place, score in zip(chosen, scores, strict=True)
        )

    def strongest(self, cart: Places, leave_out: Places, limit: int) -> tuple[Places, NDArray[np.float64]]:
        """The places of `complements_of` and their scores; `cart` and `leave_out` hold each place once, in order."""
        entries = self._entries(cart)
        found, which = np.unique(self.others[entries], return_inverse=True)
        scores = np.bincount(which, self.strengths[entries], len(found)).astype(np.float64)
        allowed = ~is_among(found, leave_out)
        found, scores = found[allowed], scores[allowed]
        best = np.lexsort((found, -self.baskets[found], -scores))[:limit]
        return found[best], scores[best]

    def most_popular(self, leave_out: Collection[str], limit: int) -> tuple[Complement, ...]:
        """At most `limit` products that are in most baskets, without those to `leave_out`; their score is that share."""
        chosen = self.popular_places(self.places_of(leave_out), limit)
        n_baskets = float(self.about["n_baskets"])
        return tuple(
            Complement(self.product_ids[p], float(self.baskets[p]) / n_baskets, int(self.baskets[p]), None)
            for p in chosen
        )

    def popular_places(self, leave_out: Places, limit: int) -> Places:
        """The places of `most_popular`."""
        first = self._by_popularity[: limit + len(leave_out)]
        return first[~is_among(first, leave_out)][:limit]

    def _entries(self, places: Places) -> NDArray[np.int64]:
        """Where the complements of these products stand, one product's after another's."""
        starts, lengths = self.starts[places], self.starts[places + 1] - self.starts[places]
        before = np.cumsum(lengths) - lengths
        entries: NDArray[np.int64] = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
        return entries

    def _explained(self, entries: NDArray[np.int64], place: int, score: float) -> Complement:
        """The complement at the place, with the product of the cart that it goes with most."""
        entries = entries[self.others[entries] == place]
        entry = entries[np.argmax(self.strengths[entries])]
        source = int(np.searchsorted(self.starts, entry, side="right")) - 1
        return Complement(
            self.product_ids[place], float(score), int(self.together[entry]), self.product_ids[source]
        )

    def to_artifact(self) -> Artifact:
        """The complements as data."""
        names = np.frombuffer(json.dumps(self.product_ids).encode(), dtype=np.uint8)
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return Artifact({"kind": KIND, **self.about}, {**arrays, "product_ids": names})


def is_among(places: Places, ordered: Places) -> NDArray[np.bool_]:
    """Whether each place is one of these, which are in order; for few of either faster than `np.isin`."""
    if len(ordered) == 0:
        return np.zeros(len(places), dtype=np.bool_)
    nearest = np.minimum(np.searchsorted(ordered, places), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[nearest] == places
    return found


def load_complements(artifact: Artifact) -> Complements:
    """The complements in an artifact. Raises `ArtifactError` when its parts are missing or do not fit each other."""
    artifact.require(KIND)
    wanted = {*_ARRAYS, "product_ids"}
    if artifact.arrays.keys() != wanted:
        raise ArtifactError(f"found the arrays {sorted(artifact.arrays)}; wanted {sorted(wanted)}")
    for name, kind in _ARRAYS.items():
        if artifact.arrays[name].dtype != kind or artifact.arrays[name].ndim != 1:
            raise ArtifactError(f"the array {name!r} is not one row of {kind}")
    try:
        product_ids = tuple(json.loads(artifact.arrays["product_ids"].tobytes()))
    except ValueError as error:
        raise ArtifactError(f"the array 'product_ids' is not JSON: {error}") from error
    about = {name: value for name, value in artifact.manifest.items() if name != "kind"}
    arrays: dict[str, Any] = {name: artifact.arrays[name] for name in _ARRAYS}
    made = Complements(product_ids=product_ids, about=about, **arrays)
    _check(made)
    return made


def _check(made: Complements) -> None:
    n_products, n_entries = len(made.product_ids), len(made.others)
    fits = (
        len(set(made.product_ids)) == n_products == len(made.baskets) == len(made.starts) - 1
        and n_entries == len(made.strengths) == len(made.together) == made.starts[-1]
        and made.starts[0] == 0
        and bool((np.diff(made.starts) >= 0).all())
        and (n_entries == 0 or 0 <= made.others.min() <= made.others.max() < n_products)
    )
    if not fits or not all(isinstance(each, str) for each in made.product_ids):
        raise ArtifactError(
            f"the arrays of {n_products} products and {n_entries} complements do not fit each other"
        )
    if not (np.isfinite(made.strengths) & (made.strengths > 0)).all():
        raise ArtifactError("found a strength that is not a number above 0")
    for name in ("lately_days", "n_baskets"):
        if not isinstance(made.about.get(name), int) or made.about[name] < 0:
            raise ArtifactError(f"the manifest says {name} = {made.about.get(name)!r}; wanted a whole number")
    if n_products and made.about["n_baskets"] < 1:
        raise ArtifactError("found products of no baskets")
