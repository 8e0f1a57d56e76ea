"""Decision points: the shipped files load, and a wrong one is refused with file, field and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from features.declared import DeclarationError
from models.artifact import Artifact, ArtifactError
from service.decision_point import DecisionPoint
from service.point_files import SHOP_FILE, load_decision_points, parse_decision_point
from service.settings import Settings

SHIPPED = Settings().decision_points
REWARD = {"kind": "click", "window_hours": 48}
WHEEL = {
    "journey": "wheel",
    "description": "The wheel.",
    "salt": "wheel-1",
    "shares": {"holdout": 0.05, "random": 0.05},
    "channel": {"actions": ["email", "sms"], "reward": REWARD},
    "send_time": {
        "deadline_hours": 16,
        "quiet_hours": {"start": "22:00", "end": "08:00"},
        "reward": REWARD,
    },
    "coupon": {
        "amounts": [0, 10000],
        "valid": "until_local_midnight",
        "reward": {**REWARD, "kind": "net_value"},
    },
    "message": {"variants": ["plain", "warm"], "reward": REWARD},
}


def changed(path: str, value: object) -> dict[str, object]:
    """The wheel with the value at a dotted path replaced."""
    fields: dict[str, object] = yaml.safe_load(yaml.safe_dump(WHEEL))
    inner = fields
    *parents, last = path.split(".")
    for parent in parents:
        inner = inner[parent]  # type: ignore[assignment]
    inner[last] = value
    return fields


def parse(fields: object) -> DecisionPoint:
    return parse_decision_point(yaml.safe_dump(fields), "points/wheel.yaml")


def test_the_reference_journeys_are_shipped() -> None:
    points = load_decision_points(SHIPPED)

    assert sorted(points) == [
        "browse_abandonment",
        "cart_abandonment",
        "churn_prevention",
        "cross_sell",
        "follow_pages",
        "lucky_wheel",
        "price_drop",
    ]
    for journey, point in points.items():
        assert (SHIPPED / f"{journey}.yaml").is_file()
        assert point.shares.holdout > 0
        assert point.shares.random > 0


def test_the_parts_come_back_as_written_decisions_in_their_fixed_order() -> None:
    point = parse(dict(reversed(WHEEL.items())))

    assert point.decisions == ("channel", "send_time", "coupon", "message")
    assert point.coupon is not None
    assert point.coupon.amounts == (0, 10000)
    assert point.reward("channel").spec().window_hours == 48


def test_only_what_is_declared_is_decided() -> None:
    point = parse({name: value for name, value in WHEEL.items() if name not in ("send_time", "coupon")})

    assert point.decisions == ("channel", "message")


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        ("colour", "red", "colour", "Extra inputs are not permitted"),
        ("coupon.colour", "red", "coupon.colour", "Extra inputs are not permitted"),
        ("journey", "Lucky Wheel", "journey", "String should match pattern"),
        ("salt", None, "salt", "valid string"),
        ("shares", {"holdout": 0.6, "random": 0.4}, "shares", "add up to 1.0; wanted less than 1"),
        ("shares.holdout", -0.1, "shares.holdout", "greater than or equal to 0"),
        ("shares.random", 1.1, "shares.random", "less than or equal to 1"),
        ("channel.actions", [], "channel.actions", "at least 1 item"),
        ("channel.actions", ["pigeon"], "channel.actions.0", "'email', 'sms', 'app_push' or 'web_push'"),
        ("channel.reward.kind", "joy", "channel.reward.kind", "'click' or 'net_value'"),
        ("channel.reward.window_hours", 0, "channel.reward.window_hours", "greater than 0"),
        ("channel.reward.message_cost", -1, "channel.reward.message_cost", "greater than or equal to 0"),
        ("coupon.reward.margin_share", 1.5, "coupon.reward.margin_share", "less than or equal to 1"),
        ("send_time.deadline_hours", 25, "send_time.deadline_hours", "less than or equal to 24"),
        (
            "send_time.quiet_hours",
            {"start": "25:00", "end": "08:00"},
            "send_time.quiet_hours.start",
            "hour value",
        ),
        ("send_time.quiet_hours", {"start": "22:00"}, "send_time.quiet_hours.end", "Field required"),
        *(
            ("send_time.quiet_hours", {"start": start, "end": "08:00"}, "send_time.quiet_hours.start", found)
            for start, found in (
                ("22:00Z", "found 22:00:00+00:00"),
                ("22:00+03:30", "found 22:00:00+03:30"),
                ("22:00:30", "found 22:00:30"),
                ("22:00:00.5", "found 22:00:00.500000"),
            )
        ),
        ("coupon.amounts", [-5], "coupon.amounts.0", "greater than or equal to 0"),
        ("coupon.amounts", ["much"], "coupon.amounts.0", "valid integer"),
        ("coupon.valid", "for ever", "coupon.valid", "until_local_midnight"),
        ("coupon.valid", 0, "coupon.valid", "greater than 0"),
        ("message.variants", [], "message.variants", "at least 1 item"),
        ("message.variants", [""], "message.variants.0", "at least 1 character"),
        ("channel.actions", ["sms", "email", "sms"], "channel", "found sms more than once"),
        ("coupon.amounts", [0, 5, 5], "coupon", "found 5 more than once"),
        ("message.variants", ["a", "b", "a"], "message", "found a more than once"),
        ("minimum_gap_hours", float("inf"), "minimum_gap_hours", "finite number"),
        ("coupon.reward.window_hours", 2209, "coupon.reward.window_hours", "less than or equal to 2208"),
    ],
)
def test_a_wrong_field_is_refused_naming_file_field_and_reason(
    path: str, value: object, field: str, reason: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse(changed(path, value))

    message = str(caught.value)
    assert message.startswith("points/wheel.yaml:")
    assert f": {field}: " in message
    assert reason in message


LINES = """\
journey: wheel
description: The wheel.
salt: wheel-1
shares:
  holdout: 0.05
  random: 2
caps:
  - {name: daily, at_most: 1, within: day}
  - {name: hourly, at_most: one, within: 1}
channel:
  actions:
    - email
    - pigeon
  reward: {kind: click}
coupon:
  amounts: [0, 10000]
  valid: for ever
  colour: red
  reward: {kind: net_value, window_hours: 24}
"""


def test_every_fault_is_named_with_file_line_and_field_from_the_top_down() -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_decision_point(LINES, "points/wheel.yaml")

    lines = [line.split(": ")[:2] for line in str(caught.value).splitlines()]
    assert lines == [
        ["points/wheel.yaml:6", "shares.random"],
        ["points/wheel.yaml:9", "caps.1.at_most"],
        ["points/wheel.yaml:13", "channel.actions.1"],
        ["points/wheel.yaml:14", "channel.reward.window_hours"],
        ["points/wheel.yaml:17", "coupon.valid"],
        ["points/wheel.yaml:18", "coupon.colour"],
    ]


def test_a_fault_of_each_member_of_a_union_is_one_line() -> None:
    with pytest.raises(DeclarationError) as caught:
        parse(changed("coupon.valid", "for ever"))

    (line,) = str(caught.value).splitlines()
    assert "'until_local_midnight' or Input should be a valid integer" in line


def test_a_time_without_quotes_is_refused_because_yaml_makes_a_number_of_it() -> None:
    text = yaml.safe_dump(WHEEL).replace("'22:00'", "22:00")

    with pytest.raises(
        DeclarationError, match=r"wheel\.yaml:\d+: send_time\.quiet_hours\.start: .*in quotes.*1320"
    ):
        parse_decision_point(text, "points/wheel.yaml")


@pytest.mark.parametrize("text", ['salt: s\ndescription: "a\\0b"\n', 'salt: s\n"a\\0b": description\n'])
def test_a_character_that_no_database_stores_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match=r"wheel\.yaml:2: found the character '\\x00'; wanted text"):
        parse_decision_point(text, "points/wheel.yaml")


def test_a_field_that_stands_twice_is_refused_where_yaml_would_keep_the_last() -> None:
    text = "journey: wheel\ncoupon:\n  valid: 24\n  amounts: [0]\n  valid: 72\n"

    with pytest.raises(DeclarationError, match=r"^points/wheel\.yaml:5: valid: named twice$"):
        parse_decision_point(text, "points/wheel.yaml")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("channel.usual", ["app_push"], "channel: usual names"),
        ("coupon.usual", [20000], "coupon: usual names"),
        ("message.usual", ["cold"], "message: usual names"),
        ("caps", [{"name": "a", "at_most": 1, "within": "day"}] * 2, "one name twice"),
    ],
)
def test_what_contradicts_itself_is_refused(path: str, value: object, reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        parse(changed(path, value))


def test_every_fault_of_a_file_is_named_at_once() -> None:
    fields = changed("shares.holdout", -1) | {"salt": 3, "colour": "red"}

    with pytest.raises(DeclarationError) as caught:
        parse(fields)

    assert sorted(line.split(": ")[1] for line in str(caught.value).splitlines()) == [
        "colour",
        "salt",
        "shares.holdout",
    ]


@pytest.mark.parametrize("missing", ["journey", "description", "salt"])
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(DeclarationError, match=f"wheel.yaml:1: {missing}: Field required"):
        parse({name: value for name, value in WHEEL.items() if name != missing})


@pytest.mark.parametrize(
    ("text", "reason"), [("a: [", "not YAML"), ("", "valid dictionary"), ("- wheel", "valid dictionary")]
)
def test_a_file_that_is_no_mapping_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DeclarationError, match=f"wheel.yaml:[12]: .*{reason}"):
        parse_decision_point(text, "points/wheel.yaml")


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"no \*\.yaml file"):
        load_decision_points(tmp_path)


def test_a_journey_declared_twice_is_refused_naming_the_second_file(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(WHEEL), encoding="utf-8")

    with pytest.raises(DeclarationError, match=r"second\.yaml: journey 'wheel' is declared twice"):
        load_decision_points(tmp_path)


@pytest.mark.parametrize(
    "journey", sorted(path.stem for path in SHIPPED.glob("*.yaml") if path.name != SHOP_FILE)
)
def test_a_decision_point_comes_back_from_its_artifact_unchanged(journey: str) -> None:
    point = load_decision_points(SHIPPED)[journey]

    artifact = Artifact.from_bytes(point.to_artifact().to_bytes())

    assert DecisionPoint.from_artifact(artifact) == point
    assert DecisionPoint.from_artifact(artifact).to_artifact().digest == point.to_artifact().digest


@pytest.mark.parametrize(
    "path", ["salt", "shares.holdout", "coupon.minimum_life_minutes", "message.variants"]
)
def test_every_change_of_the_rules_is_another_version(path: str) -> None:
    value = {"salt": "wheel-2", "shares.holdout": 0.06, "coupon.minimum_life_minutes": 31}.get(
        path, ["plain"]
    )

    assert parse(changed(path, value)).to_artifact().digest != parse(WHEEL).to_artifact().digest


def test_an_artifact_of_another_kind_is_no_decision_point() -> None:
    with pytest.raises(ArtifactError, match="wanted 'decision_point'"):
        DecisionPoint.from_artifact(Artifact({"kind": "scorer"}))


SEGMENT = """\
name: frequent
description: Twice in four weeks.
where:
  all:
    - {count: orders, within_days: 28, at_least: 2}
    - not:
        feature: consent_sms
        is: false
"""


def journeys_with_segment(folder: Path, segment: str) -> Path:
    (folder / "segments").mkdir()
    (folder / "segments" / "frequent.yaml").write_text(segment, encoding="utf-8")
    (folder / "wheel.yaml").write_text(yaml.safe_dump({**WHEEL, "audience": "frequent"}), encoding="utf-8")
    return folder


def test_an_audience_is_part_of_the_rules_and_of_their_version(tmp_path: Path) -> None:
    point = load_decision_points(journeys_with_segment(tmp_path, SEGMENT))["wheel"]

    artifact = Artifact.from_bytes(point.to_artifact().to_bytes())

    assert point.audience is not None
    assert point.audience.name == "frequent"
    assert DecisionPoint.from_artifact(artifact) == point
    assert artifact.digest != parse(WHEEL).to_artifact().digest


def test_an_audience_that_no_file_declares_is_refused_with_its_line() -> None:
    with pytest.raises(
        DeclarationError, match=r"wheel\.yaml:\d+: audience: no segment 'rich'; there are \[\]"
    ):
        parse({**WHEEL, "audience": "rich"})


def test_an_audience_that_ranks_the_whole_base_is_refused_with_its_line(tmp_path: Path) -> None:
    ranked = "name: frequent\ndescription: x\nwhere: {not: {top: 100, by: spend_365d}}\n"

    with pytest.raises(
        DeclarationError, match=r"wheel\.yaml:\d+: audience: segment 'frequent' ranks the whole base"
    ):
        load_decision_points(journeys_with_segment(tmp_path, ranked))


@pytest.mark.parametrize(
    ("was", "written", "fault"),
    [
        (
            "within_days: 28",
            "within_days: 3",
            r":5: where\.all\.0: orders_3d is no feature.*\[7, 14, 28, 90, 365\] days",
        ),
        (
            "feature: consent_sms",
            "feature: consent_smss",
            r":6: where\.all\.1\.not: no feature.*did you mean consent_sms",
        ),
        ("is: false", "at_least: 1", r":6: where\.all\.1\.not: consent_sms is a bool; wanted is, or known"),
        ("at_least: 2", "at_least: two", r":5: where\.all\.0\.at_least: .*valid number"),
        (
            "count: orders",
            "counts: orders",
            r":5: where\.all\.0: wanted a condition: .*just one of all, any, not",
        ),
        ("name: frequent\n", "", r":1: name: Field required"),
    ],
)
def test_a_segment_that_features_cannot_tell_is_refused_with_its_line(
    tmp_path: Path, was: str, written: str, fault: str
) -> None:
    folder = journeys_with_segment(tmp_path, SEGMENT.replace(was, written))

    with pytest.raises(DeclarationError, match=rf"segments/frequent\.yaml{fault}"):
        load_decision_points(folder)
