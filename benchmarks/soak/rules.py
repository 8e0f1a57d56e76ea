"""The decision points of a run, and the numbers in them that the audit holds the log against.

The audit reads the files by itself: were the service to read them wrongly, its own reading would hide that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

SHOP = "shop"
QUIET_IN, QUIET_FOR = timedelta(hours=3), timedelta(hours=8)


@dataclass(frozen=True)
class Rules:
    """The decision points' contents by journey, and those of the shop."""

    journeys: dict[str, dict[str, Any]]
    shop: dict[str, Any]

    def caps(self) -> Iterator[tuple[str | None, timedelta, int]]:
        """Journey (None: across all), window, and how many messages may be in it."""
        for journey, point in ((None, self.shop), *self.journeys.items()):
            for cap in point.get("caps", ()):
                yield journey, timedelta(hours=cap["within"]), cap["at_most"]

    def budget(self, journey: str) -> int:
        """Face value that a journey may have out or used in a day."""
        return int(self.journeys[journey]["coupon"]["daily_budget"])

    def quiet_hours(self, journey: str) -> tuple[time, time] | None:
        """Between which times of the customer's clock nothing is sent."""
        quiet = self.journeys[journey].get("send_time", {}).get("quiet_hours")
        return quiet and (time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"]))

    def is_quiet(self, journey: str, at: datetime, zone: str) -> bool:
        """Whether a moment lies in the quiet hours of a customer in this zone."""
        quiet, clock = self.quiet_hours(journey), at.astimezone(ZoneInfo(zone)).time()
        if quiet is None:
            return False
        start, end = quiet
        return start <= clock < end if start <= end else clock >= start or clock < end

    def longest_wait(self) -> timedelta:
        """From a decision that takes effect at once to the last change of its reward that needs no outcome."""
        waits = [timedelta(0)]
        for point in self.journeys.values():
            waits.append(timedelta(minutes=point.get("activate_within_minutes", 60)))
            rewards = (point[name]["reward"] for name in ("channel", "send_time", "coupon") if name in point)
            waits += (timedelta(hours=reward["window_hours"]) for reward in rewards)
        return max(waits)


def read_rules(folder: Path) -> Rules:
    """The rules in a folder of decision points."""
    found = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")}
    shop = found.pop(SHOP)
    return Rules({point["journey"]: point for point in found.values()}, shop)


def write_rules(source: Path, folder: Path, local: datetime) -> Path:
    """The folder, with the source's decision points; quiet hours begin some hours after this local time."""
    folder.mkdir()
    start, end = local + QUIET_IN, local + QUIET_IN + QUIET_FOR
    for path in source.glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "send_time" in content:
            content["send_time"]["quiet_hours"] = {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}
        written = json.dumps(content)  # which is YAML, with every time in quotes
        (folder / path.name).write_text(written, encoding="utf-8")
    return folder
