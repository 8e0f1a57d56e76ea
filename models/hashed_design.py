"""What a model sees of an action that comes with its request: features of any names, hashed into a vector of fixed length.

Source: Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning, equation 1.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.feedback import Floats

N_BUCKETS = 128
MOST_FEATURES = 256
_LARGEST = 1e300
_MIX = np.uint64(0x9E3779B97F4A7C15)
_Hashes = NDArray[np.uint64]


class TooManyFeaturesError(ValueError):
    """A context or an action is described by more than can be crossed in time."""


def hashed_designs(
    context: Sequence[Mapping[str, Any]], actions: Sequence[Sequence[Mapping[str, Any]]]
) -> Floats:
    """What the model sees of each action in this context, `(n_actions, N_BUCKETS)`.

    A constant, the action's features, and each of them crossed with each of the context's; each of the two parts has length
    1, so a long list of features weighs no more than a short one.

    Raises: `TooManyFeaturesError`.
    """
    around = _tokens(context)
    return np.array([_design(_tokens(features), around) for features in actions])


def _design(own: tuple[_Hashes, Floats], around: tuple[_Hashes, Floats]) -> Floats:
    crossed = ((own[0][:, None] * _MIX) ^ around[0][None, :]).ravel()
    design = _spread(*own) + _spread(crossed, np.outer(own[1], around[1]).ravel())
    design[0] += 1.0
    return design


def _spread(hashes: _Hashes, values: Floats) -> Floats:
    """The values summed with their signs into their buckets, scaled to length 1."""
    mixed = hashes * _MIX
    places = (mixed >> np.uint64(33)) % np.uint64(N_BUCKETS)
    signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    found = np.bincount(places.astype(np.intp), weights=signs * values, minlength=N_BUCKETS)
    length = np.linalg.norm(found)
    return np.asarray(found / length if length else found)


def _tokens(features: Sequence[Mapping[str, Any]]) -> tuple[_Hashes, Floats]:
    found = [pair for each in features for pair in _flat("", each)]
    if len(found) > MOST_FEATURES:
        raise TooManyFeaturesError(
            f"found {len(found)} features in one place; wanted at most {MOST_FEATURES}"
        )
    hashes = [hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest() for name, _ in found]
    return (
        np.array([int.from_bytes(digest, "big") for digest in hashes], dtype=np.uint64),
        np.array([value for _, value in found], dtype=np.float64),
    )


def _flat(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """A feature's parts: texts as themselves, numbers as their signed logarithm, so that large ones drown none."""
    if isinstance(value, Mapping):
        for inner, part in value.items():
            yield from _flat(f"{name}\0{inner}", part)
    elif isinstance(value, list):
        for part in value:
            yield from _flat(name, part)
    elif isinstance(value, bool | str):
        yield f"{name}\1{value}", 1.0
    elif isinstance(value, int | float):
        size = float(min(abs(value), _LARGEST))
        if math.isfinite(size):
            yield name, math.log1p(size) if value >= 0 else -math.log1p(size)
