"""The reference in docs/decision-points.md loads, has every field there is, and names every rule that a reason may carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import yaml
from pydantic import BaseModel

from features.segment import Segment
from service.decision_point import DecisionPoint
from service.guardrails.reason import UNITS
from service.point_check import doubts
from service.point_files import load_decision_points
from service.point_limits import ShopRules

DOCS = Path(__file__).parents[2] / "docs" / "decision-points.md"
TEXT = DOCS.read_text(encoding="utf-8")
JOURNEY, SHOP, SEGMENT = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def fields(kind: type[BaseModel], path: str = "") -> Iterator[str]:
    """The dotted path of every field, those of models inside models too; `shop` and segments are files of their own."""
    for name, field in kind.model_fields.items():
        if (kind, name) == (DecisionPoint, "shop"):
            continue
        models = [each for each in (field.annotation, *parts(field.annotation)) if is_model(each)]
        inner = [each for each in models if each is not Segment]
        yield f"{path}{name}"
        for model in inner:
            yield from fields(model, f"{path}{name}.")


def parts(annotation: object) -> Iterator[object]:
    for part in get_args(annotation):
        yield part
        yield from parts(part)


def is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def written(value: object, path: str = "") -> Iterator[str]:
    """The dotted path of every key of a YAML value; items of a list share theirs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}{key}"
            yield from written(inner, f"{path}{key}.")
    if isinstance(value, list):
        for item in value:
            yield from written(item, path)


def test_the_example_loads_without_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "lucky_wheel.yaml").write_text(JOURNEY, encoding="utf-8")
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "high_intent.yaml").write_text(SEGMENT, encoding="utf-8")

    points = load_decision_points(tmp_path)

    assert points["lucky_wheel"].shop.holdout == 0.02
    assert list(doubts(points["lucky_wheel"])) == []


def test_the_example_has_every_field_there_is() -> None:
    shown = set(written(yaml.safe_load(JOURNEY)))
    rewards = {path.rpartition(".reward.")[2] for path in shown if ".reward." in path}

    missing = {
        path
        for path in set(fields(DecisionPoint)) - shown
        if ".reward." not in path or path.rpartition(".reward.")[2] not in rewards
    }

    assert missing == set()
    assert set(fields(ShopRules)) - set(written(yaml.safe_load(SHOP))) == {"caps.tag"}


def test_every_rule_of_a_guardrail_is_explained() -> None:
    rooms = (Path(__file__).parents[2] / "service" / "guardrails").glob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in rooms if path.name != "reason.py")
    rules = set(UNITS) & set(re.findall(r'"([a-z_]+)"', source))

    assert {"consent", "quiet_hours", "budget", "minimum_gap"} <= rules
    assert {rule for rule in rules if f"`{rule}`" not in TEXT} == set()
