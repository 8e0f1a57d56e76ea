"""`python -m service check`: exit code, place of an error, and doubts about what nothing can pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from service.cli import app
from service.point_check import doubts
from service.point_files import load_decision_points
from service.settings import Settings
from tests.service.test_decision_point import WHEEL, changed, parse


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    return result.exit_code, result.output


def test_the_shipped_decision_points_are_right_and_leave_no_doubt() -> None:
    points = load_decision_points(Settings().decision_points)

    code, told = run()

    assert [doubt for point in points.values() for doubt in doubts(point)] == []
    assert code == 0
    assert told.startswith("7 decision points are right: browse_abandonment")


def test_an_error_ends_with_1_and_names_file_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "wheel.yaml"
    path.write_text("journey: wheel\ndescription: The wheel.\nsalt: s\ncolour: red\n", encoding="utf-8")

    code, told = run(str(tmp_path))

    assert (code, told) == (1, f"{path}:4: colour: Extra inputs are not permitted\n")


def test_an_error_in_the_shop_s_rules_is_one_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "wheel.yaml").write_text(yaml.safe_dump(WHEEL), encoding="utf-8")
    (tmp_path / "shop.yaml").write_text("holdout: 0.02\nminimum_gap_hours: -2\n", encoding="utf-8")

    code, told = run(str(tmp_path))

    assert code == 1
    assert f"{tmp_path / 'shop.yaml'}:2: minimum_gap_hours: " in told


@pytest.mark.parametrize(
    ("path", "value", "doubt"),
    [
        ("coupon.minimum_life_minutes", 1440, "no coupon is ever given"),
        ("coupon.reward", {"kind": "net_value", "window_hours": 12}, "late redemptions teach nothing"),
        ("coupon.daily_budget", 9_999, "never holds a coupon of 10,000"),
        ("coupon.amounts", [0], "no size of a coupon"),
        ("send_time.deadline_hours", 10, "never sent"),
        ("send_time.quiet_hours", {"start": "09:00", "end": "09:00"}, "no hours at all"),
        ("caps", [{"name": "none", "at_most": 0, "within": "day"}], "lets no message through"),
        ("caps", [{"name": "push", "at_most": 1, "within": 1, "channel": "app_push"}], "no channel of this"),
        ("caps", [{"name": "tag", "at_most": 1, "within": 1, "tag": "sale"}], "have not"),
        ("transactional", True, None),
    ],
)
def test_what_can_hardly_be_meant_is_told(path: str, value: object, doubt: str | None) -> None:
    found = list(doubts(parse(changed(path, value))))

    assert (found == []) if doubt is None else any(doubt in each for each in found), found


def test_doubts_do_not_fail_the_check(tmp_path: Path) -> None:
    (tmp_path / "wheel.yaml").write_text(
        yaml.safe_dump(changed("coupon.daily_budget", 9_999)), encoding="utf-8"
    )

    code, told = run(str(tmp_path))

    assert code == 0
    assert "wheel: the day's budget of 9,999 never holds a coupon of 10,000" in told
    assert "no shop.yaml" in told
