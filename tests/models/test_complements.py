"""Complements of a cart: sums over its products, compared with plain Python; and the artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact, ArtifactError
from models.complements import Complements, load_complements

Pairs = dict[tuple[int, int], tuple[float, int]]


def name(place: int) -> str:
    return f"p{place}"


def made_of(n_products: int, pairs: Pairs, baskets: list[int]) -> Complements:
    entries = sorted(pairs)
    held = np.bincount([source for source, _ in entries], minlength=n_products)
    return Complements(
        product_ids=tuple(map(name, range(n_products))),
        starts=np.concatenate([[0], np.cumsum(held)]).astype(np.int64),
        others=np.array([other for _, other in entries], dtype=np.int32),
        strengths=np.array([pairs[each][0] for each in entries], dtype=np.float32),
        together=np.array([pairs[each][1] for each in entries], dtype=np.int32),
        baskets=np.array(baskets, dtype=np.int32),
        about={"n_baskets": 1000, "lately_days": 28, "dataset": "made up"},
    )


@st.composite
def shelves(draw: st.DrawFn) -> tuple[Complements, Pairs, list[int]]:
    """Complements with the pairs and counts they were made of; strengths are eighths, so that sums are exact and may tie."""
    n = draw(st.integers(1, 7))
    places = st.integers(0, n - 1)
    keys = st.tuples(places, places).filter(lambda pair: pair[0] != pair[1])
    facts = st.tuples(st.integers(1, 40).map(lambda eighths: eighths / 8), st.integers(1, 99))
    pairs = draw(st.dictionaries(keys, facts, max_size=20)) if n > 1 else {}
    baskets = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    return made_of(n, pairs, baskets), pairs, baskets


products = st.lists(st.integers(0, 9).map(name), max_size=8)


@given(shelves(), products, products, st.integers(1, 5))
def test_complements_are_the_sums_over_the_cart_in_their_order(
    shelf: tuple[Complements, Pairs, list[int]], cart: list[str], leave_out: list[str], limit: int
) -> None:
    complements, pairs, baskets = shelf
    sums: dict[int, float] = {}
    for (source, other), (strength, _) in pairs.items():
        if name(source) in cart and name(other) not in (*cart, *leave_out):
            sums[other] = sums.get(other, 0.0) + strength
    wanted = sorted(sums, key=lambda place: (-sums[place], -baskets[place], place))[:limit]

    found = complements.complements_of(cart, leave_out, limit)

    assert [each.product_id for each in found] == list(map(name, wanted))
    assert [each.score for each in found] == [sums[place] for place in wanted]
    for each, place in zip(found, wanted, strict=True):
        strongest = max(strength for (s, o), (strength, _) in pairs.items() if o == place and name(s) in cart)
        because = int((each.because_of or "").removeprefix("p"))
        assert name(because) in cart
        assert pairs[because, place] == (strongest, each.support)


@given(shelves(), products, st.integers(1, 5))
def test_what_is_popular_is_in_most_baskets(
    shelf: tuple[Complements, Pairs, list[int]], leave_out: list[str], limit: int
) -> None:
    complements, _, baskets = shelf
    order = sorted(range(len(baskets)), key=lambda place: (-baskets[place], place))
    wanted = [place for place in order if name(place) not in leave_out][:limit]

    found = complements.most_popular(leave_out, limit)

    assert [each.product_id for each in found] == list(map(name, wanted))
    assert [each.score for each in found] == [baskets[place] / 1000 for place in wanted]
    assert all(each.because_of is None for each in found)


@given(shelves())
def test_an_artifact_gives_the_same_complements_back(shelf: tuple[Complements, Pairs, list[int]]) -> None:
    complements, _, _ = shelf
    cart = list(complements.product_ids[:2])

    again = load_complements(Artifact.from_bytes(complements.to_artifact().to_bytes()))

    assert again.complements_of(cart, (), 5) == complements.complements_of(cart, (), 5)
    assert again.about == complements.about
    assert again.to_artifact().digest == complements.to_artifact().digest


def test_any_text_is_a_product_id() -> None:
    odd = ("\n", "گردون", "a\x00", "")
    shelf = replace(made_of(4, {(0, 1): (1.0, 2)}, [1, 1, 1, 1]), product_ids=odd)

    again = load_complements(Artifact.from_bytes(shelf.to_artifact().to_bytes()))

    assert again.product_ids == odd
    assert again.complements_of(["\n"], (), 1)[0].product_id == "گردون"


def without(array: str) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.pop(array)


def with_values(array: str, *values: float, kind: Any = None) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.update({array: np.array(values, dtype=kind or arrays[array].dtype)})


@pytest.mark.parametrize(
    ("alter", "fault"),
    [
        (without("together"), "wanted"),
        (with_values("others", 2), "do not fit"),
        (with_values("others", -1), "do not fit"),
        (with_values("others", 0, kind=np.int64), "not one row of int32"),
        (with_values("starts", 0, 1), "do not fit"),
        (with_values("starts", 0, 2, 1), "do not fit"),
        (with_values("strengths", np.nan), "not a number above 0"),
        (with_values("strengths", 0), "not a number above 0"),
        (with_values("baskets", 1), "do not fit"),
        (with_values("product_ids", 1, 2), "not JSON"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(alter: Callable[[dict[str, Any]], None], fault: str) -> None:
    good = made_of(2, {(0, 1): (1.0, 2)}, [3, 4]).to_artifact()
    arrays = dict(good.arrays)
    alter(arrays)

    with pytest.raises(ArtifactError, match=fault):
        load_complements(Artifact(good.manifest, arrays))


@pytest.mark.parametrize(("field", "value"), [("n_baskets", 0), ("n_baskets", "many"), ("lately_days", None)])
def test_a_manifest_without_what_is_needed_is_refused(field: str, value: Any) -> None:
    good = made_of(2, {(0, 1): (1.0, 2)}, [3, 4]).to_artifact()

    with pytest.raises(ArtifactError, match=r"baskets|lately_days"):
        load_complements(Artifact({**good.manifest, field: value}, good.arrays))
