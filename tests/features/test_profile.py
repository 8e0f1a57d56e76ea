"""The view `profile` by hand."""

from __future__ import annotations

from typing import Any

from features.profile import profile


def test_tenure_counts_days_since_joining_and_unknown_consent_counts_as_none(shop: Any) -> None:
    shop.customer("a", "2024-01-01T12:00", time_zone="Asia/Tehran", age_years=40.0, consent_sms=True)

    row = shop.features(profile, "2024-01-11")["a", "2024-01-11"]

    assert row["tenure_days"] == 9.5
    assert row["time_zone"] == "Asia/Tehran"
    assert row["age_years"] == 40.0
    assert row["income_thousand"] is None
    assert row["consent_sms"] is True
    assert row["consent_email"] is False
    assert row["sms_blacklisted"] is False


def test_the_operator_s_blacklist_is_a_fact_of_its_own_beside_consent(shop: Any) -> None:
    shop.customer("a", "2024-01-01", consent_sms=True, sms_blacklisted=True)

    row = shop.features(profile, "2024-01-11")["a", "2024-01-11"]

    assert (row["consent_sms"], row["sms_blacklisted"]) == (True, True)
