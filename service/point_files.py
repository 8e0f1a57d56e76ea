"""Decision points as an operator declares them: one YAML file a journey, `shop.yaml` and `segments/` beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.declared import DeclarationError, parse_declared
from features.schema import load_schema
from features.segment import Segment
from features.segment_files import load_segments
from service.decision_point import DecisionPoint
from service.point_limits import ShopRules

SHOP_FILE = "shop.yaml"
SEGMENTS = "segments"
"""The folder of segments beside the journeys."""


def parse_decision_point(
    text: str, origin: str, segments: Mapping[str, Segment] | None = None
) -> DecisionPoint:
    """The decision point in a YAML text, its audience one of the segments. Raises `DeclarationError`."""
    return parse_declared(DecisionPoint, text, origin, {"segments": segments or {}})


def load_decision_points(folder: Path) -> dict[str, DecisionPoint]:
    """The decision points of a folder by journey, `shop.yaml`'s rules and their audiences, of `segments/`, in each.

    Raises: `DeclarationError`; a folder without a journey is one.
    """
    points: dict[str, DecisionPoint] = {}
    shop, segments = load_shop_rules(folder / SHOP_FILE), load_segments(folder / SEGMENTS, load_schema())
    for path in sorted(folder.glob("*.yaml")):
        if path.name == SHOP_FILE:
            continue
        point = parse_decision_point(path.read_text(encoding="utf-8"), str(path), segments)
        if point.journey in points:
            raise DeclarationError(f"{path}: journey {point.journey!r} is declared twice")
        points[point.journey] = point.model_copy(update={"shop": shop})
    if not points:
        raise DeclarationError(f"{folder}: no *.yaml file; wanted one for each journey")
    return points


def load_shop_rules(path: Path) -> ShopRules:
    """The rules across journeys in a file; none where there is no file. Raises `DeclarationError`."""
    return (
        parse_declared(ShopRules, path.read_text(encoding="utf-8"), str(path))
        if path.is_file()
        else ShopRules()
    )
