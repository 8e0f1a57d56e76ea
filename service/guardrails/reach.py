"""Consent, reachability and the operator's blacklist: hard limits of every channel."""

from __future__ import annotations

from collections.abc import Mapping

from models.inputs import CHANNELS
from service.guardrails.mask import Mask


def mask_channels(mask: Mask, features: Mapping[str, float]) -> None:
    """Leave the channels that the customer agreed to, can be reached on and has not closed at the operator.

    Unknown consent is no consent; who is not known to be on the operator's blacklist is not on it.
    """
    mask.remove(
        "consent",
        [channel for channel in CHANNELS if features[f"consent_{channel}"] != 1.0],
        "the customer has not agreed to this channel, or it is not known",
    )
    mask.remove(
        "reachability",
        [channel for channel in CHANNELS if features[f"reachable_{channel}"] != 1.0],
        "no working address, number or token, or it is not known",
    )
    if features.get("sms_blacklisted") == 1.0:  # schemas of older decisions have no such feature
        mask.remove(
            "sms_blacklist", ["sms"], "the customer told the operator to let no promotional SMS through"
        )
