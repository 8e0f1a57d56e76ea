"""What the commands say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from journeys.cli import app
from journeys.definition_files import SHIPPED

WHEEL = (SHIPPED / "lucky_wheel.yaml").read_text(encoding="utf-8")
CHURN = (SHIPPED / "churn_prevention.yaml").read_text(encoding="utf-8")


def test_the_shipped_definitions_are_right() -> None:
    result = CliRunner().invoke(app, ["check"])

    assert result.exit_code == 0
    assert result.output.startswith("7 journeys are right: browse_abandonment, cart_abandonment, ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            WHEEL.replace("reentry: {}", "reentry: {weeks: 1}"),
            "reentry.weeks: Extra inputs are not permitted",
        ),
        (WHEEL.replace("spin: {decide", "spin: {dcide"), "steps.spin.dcide: Extra inputs are not permitted"),
        (WHEEL.replace("decisions: [coupon]", "decisions: [price]"), "wanted|Input should be 'channel'"),
        (WHEEL.replace("{code}", "{colour}"), "found the placeholders ['colour']; wanted some of"),
        (WHEEL.replace("{code}", "{code:%Y}"), "found a placeholder with a format"),
        (WHEEL.replace("{code}", "{code!r}"), "found a placeholder with a format"),
        (
            WHEEL.replace("spin: {decide: {decisions: [coupon]}}", "spin: {wait: {hours: 1}}"),
            "nothing decided",
        ),
        (WHEEL.replace("default:", "coupon:"), "wanted one named default"),
        (WHEEL.replace("journey: lucky_wheel", "journey: wheel"), "wanted the file's name, 'lucky_wheel'"),
        (CHURN.replace("otherwise: next_week", "otherwise: later"), "found the step 'later'; wanted one of"),
        (CHURN.replace("{days: 7, since: ask}", "{days: 0}"), "repeats for ever at one moment"),
        (CHURN.replace("otherwise: next_week", "otherwise: again"), "repeats for ever at one moment"),
        (CHURN.replace("{repeat: {step: ask}}", "{repeat: {step: again}}"), "wanted an earlier step"),
        ("journey: [", "while parsing"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_place(tmp_path: Path, text: str, told: str) -> None:
    name = "churn_prevention" if "churn" in text else "lucky_wheel"
    (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")

    result = CliRunner().invoke(app, ["check", str(tmp_path)])

    assert result.exit_code == 1
    assert f"{tmp_path / name}.yaml: " in result.output
    assert told.split("|")[-1] in result.output
