"""What the journeys' rules, as the log keeps them by digest, say of rewards and of groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from models.sample_ratio import SampleRatio, group_shares
from training.evaluation.errors import LogError
from training.evaluation.round_buffer import RewardRule

Rules = Mapping[str, Mapping[str, Any]]
"""The manifest of each version of a journey's rules, by digest."""


def reward_rules(rules: Rules, decision: str) -> dict[str, RewardRule]:
    """What each version that has this decision says of its reward, by digest. Raises: `LogError`."""
    found = {}
    for digest, manifest in rules.items():
        if manifest.get(decision) is None:
            continue
        try:
            reward, send_time = manifest[decision]["reward"], manifest.get("send_time")
            latest = send_time["deadline_hours"] if send_time else 0
            closes = latest + reward["window_hours"]
            found[digest] = RewardRule(kind=reward["kind"], closes_after_hours=closes, declared=reward)
        except (KeyError, TypeError) as error:
            raise _unreadable(digest, error) from error
    return found


def sample_ratios(rules: Rules, customers: Mapping[str, Mapping[str, int]]) -> tuple[SampleRatio, ...]:
    """Customers by group of each journey, against its shares; without those whose salt or shares changed.

    Raises: `LogError`.
    """
    shares = _shares(rules)
    return tuple(
        SampleRatio(journey=journey, counts=dict(counts), shares=shares[journey])
        for journey, counts in customers.items()
        if shares.get(journey)
    )


def _shares(rules: Rules) -> dict[str, dict[str, float]]:
    """The groups' shares of each journey, empty where versions of its rules differ in them."""
    found: dict[str, set[tuple[str, str]]] = {}
    for digest, manifest in rules.items():
        try:
            held = {} if manifest.get("transactional") else manifest.get("shop", {})
            shop = {name: held.get(name) for name in ("holdout", "salt")}
            key = (str(manifest["salt"]), json.dumps([manifest["shares"], shop], sort_keys=True))
            found.setdefault(manifest["journey"], set()).add(key)
        except (KeyError, TypeError) as error:
            raise _unreadable(digest, error) from error
    return {name: _declared(next(iter(keys))[1]) if len(keys) == 1 else {} for name, keys in found.items()}


def _declared(content: str) -> dict[str, float]:
    """The shares that a journey's and the shop's rules make together."""
    shares, shop = json.loads(content)
    return group_shares(shares, shop["holdout"] or 0.0)


def _unreadable(digest: str, error: Exception) -> LogError:
    return LogError(f"the rules {digest} cannot be read: {error!r}")
