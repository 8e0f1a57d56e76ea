"""Consent, reachability and the operator's blacklist: hard limits of every channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from models.inputs import CHANNELS
from service.guardrails.mask import Mask
from service.guardrails.reason import Found

_CLOSED: Final[tuple[tuple[str, str, Mapping[bool | None, str]], ...]] = (
    (
        "consent",
        "consent",
        {
            False: "the customer has not agreed to this channel",
            None: "whether the customer has agreed to this channel is not known",
        },
    ),
    (
        "reachability",
        "reachable",
        {
            False: "no working address, number or token",
            None: "whether there is a working address, number or token is not known",
        },
    ),
)
"""Rule, beginning of the channel's feature, and the reason in words by what that says (None: nothing)."""


def mask_channels(mask: Mask, features: Mapping[str, float]) -> None:
    """Leave the channels that the customer agreed to, can be reached on and has not closed at the operator.

    Unknown consent is no consent; who is not known to be on the operator's blacklist is not on it. What is known to be
    missing and what is not known are two reasons: the one is the customer's wish, the other may be a feed that is behind.
    """
    for rule, fact, details in _CLOSED:
        answers = [(channel, _answer(features[f"{fact}_{channel}"])) for channel in CHANNELS]
        for answer, detail in details.items():
            closed = [channel for channel, said in answers if said is answer]
            if closed:
                read = tuple([f"{fact}_{channel}" for channel in mask.open_actions if channel in closed])
                mask.remove(rule, closed, detail, Found(limit=True, current=answer, features=read))
    if features.get("sms_blacklisted") == 1.0:  # schemas of older decisions have no such feature
        detail = "the customer told the operator to let no promotional SMS through"
        found = Found(limit=False, current=True, features=("sms_blacklisted",))
        mask.remove("sms_blacklist", ["sms"], detail, found)


def _answer(value: float) -> bool | None:
    return None if math.isnan(value) else value == 1.0
