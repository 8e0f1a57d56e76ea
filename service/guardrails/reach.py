"""Consent, reachability and the operator's blacklist: hard limits of every channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from models.inputs import CHANNELS
from service.guardrails.mask import Mask
from service.guardrails.reason import Found

_CLOSED: Final[tuple[tuple[str, Mapping[str, str], Mapping[bool | None, str]], ...]] = (
    (
        "consent",
        {channel: f"consent_{channel}" for channel in CHANNELS},
        {
            False: "the customer has not agreed to this channel",
            None: "whether the customer has agreed to this channel is not known",
        },
    ),
    (
        "reachability",
        {channel: f"reachable_{channel}" for channel in CHANNELS},
        {
            False: "no working address, number or token",
            None: "whether there is a working address, number or token is not known",
        },
    ),
)
"""Rule, each channel's feature, and the reason in words by what that says (None: nothing)."""
_BLACKLIST: Final = "sms_blacklisted"
FEATURES: Final = (*[name for _, facts, _ in _CLOSED for name in facts.values()], _BLACKLIST)
"""What is read of a customer."""


@lru_cache(maxsize=4096)
def open_channels(
    channels: tuple[str, ...],
    offered: tuple[str, ...],
    names: tuple[str, ...],
    known: tuple[float | None, ...],
) -> Mask:
    """Of a journey's channels those that these features leave, None what is not known; a copy of it may be narrowed.

    Kept: many customers are known alike.
    """
    mask = Mask("channel", channels)
    mask.keep("journey", offered, "not a channel of this journey")
    values = [math.nan if value is None else value for value in known]
    mask_channels(mask, dict(zip(names, values, strict=True)))
    return mask


def mask_channels(mask: Mask, features: Mapping[str, float]) -> None:
    """Leave the channels that the customer agreed to, can be reached on and has not closed at the operator.

    Unknown consent is no consent; who is not known to be on the operator's blacklist is not on it. What is known to be
    missing and what is not known are two reasons: the one is the customer's wish, the other may be a feed that is behind.
    """
    for rule, facts, details in _CLOSED:
        answers = [(channel, features[fact]) for channel, fact in facts.items()]
        answers = [(channel, value) for channel, value in answers if value != 1.0]
        for answer, detail in details.items() if answers else ():
            closed = [channel for channel, value in answers if math.isnan(value) is (answer is None)]
            if closed:
                read = tuple([facts[channel] for channel in mask.open_actions if channel in closed])
                mask.remove(rule, closed, detail, Found(limit=True, current=answer, features=read))
    if features.get(_BLACKLIST) == 1.0:  # schemas of older decisions have no such feature
        detail = "the customer told the operator to let no promotional SMS through"
        found = Found(limit=False, current=True, features=(_BLACKLIST,))
        mask.remove("sms_blacklist", ["sms"], detail, found)
