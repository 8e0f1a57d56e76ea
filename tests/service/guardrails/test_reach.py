"""Consent and reach: every combination of a channel's three facts, unknown among them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.inputs import CHANNELS
from service.guardrails.mask import Mask
from service.guardrails.reach import mask_channels, open_channels
from service.guardrails.reason import Found

YES, NO, UNKNOWN = 1.0, 0.0, float("nan")


def facts(**given: float) -> dict[str, float]:
    """A customer who agreed to everything and can be reached, but for what is given."""
    reach = {f"{fact}_{channel}": YES for fact in ("consent", "reachable") for channel in CHANNELS}
    return {**reach, "sms_blacklisted": NO, **given}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_is_open_only_where_consent_and_reach_are_known_to_be_given(channel: str) -> None:
    for consent, reachable in product((YES, NO, UNKNOWN), repeat=2):
        mask = Mask("channel", CHANNELS)

        mask_channels(mask, facts(**{f"consent_{channel}": consent, f"reachable_{channel}": reachable}))

        assert (channel in mask.open_actions) == (consent == reachable == YES)
        assert set(CHANNELS) - {channel} <= set(mask.open_actions)
        assert bool(mask.reasons) == (channel not in mask.open_actions)


def test_the_operator_s_blacklist_closes_sms_whatever_the_customer_agreed_to() -> None:
    mask = Mask("channel", CHANNELS)

    mask_channels(mask, facts(sms_blacklisted=YES))

    assert mask.open_actions == ("email", "app_push", "web_push")
    assert [(reason.rule, reason.actions) for reason in mask.reasons] == [("sms_blacklist", ("sms",))]


@pytest.mark.parametrize("unknown", [{}, {"sms_blacklisted": UNKNOWN}])
def test_an_unknown_blacklist_leaves_consent_to_decide(unknown: dict[str, float]) -> None:
    mask, known = Mask("channel", CHANNELS), facts(**unknown)
    if not unknown:
        del known["sms_blacklisted"]

    mask_channels(mask, known)

    assert np.all(mask.eligible)


def test_channels_kept_for_customers_known_alike_are_those_of_each_of_them() -> None:
    for consent, reachable, blacklisted in product((YES, NO, None), repeat=3):
        given = {"consent_sms": consent, "reachable_sms": reachable, "sms_blacklisted": blacklisted}
        known = {**facts(), **given}
        mask = Mask("channel", CHANNELS)
        mask.keep("journey", ("sms", "email"), "not a channel of this journey")
        mask_channels(mask, {name: UNKNOWN if value is None else value for name, value in known.items()})

        for _ in range(2):
            kept = open_channels(CHANNELS, ("sms", "email"), tuple(known), tuple(known.values())).copy()
            assert kept == mask
            kept.remove("journey", kept.open_actions, "what is done to a copy stays there", Found(0, 0))
