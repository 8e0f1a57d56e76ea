"""Consent and reachability: hard limits of every channel."""

from __future__ import annotations

from collections.abc import Mapping

from models.inputs import CHANNELS
from service.guardrails.mask import Mask


def mask_channels(mask: Mask, features: Mapping[str, float]) -> None:
    """Leave the channels that the customer agreed to and can be reached on; unknown consent is no consent."""
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
