"""The commands of docs/journeys.md print what the page shows, and its definition is right."""

from __future__ import annotations

import re
import shlex
from typing import get_args

from typer.main import get_command
from typer.testing import CliRunner

from journeys.cli import app
from journeys.command import Command
from journeys.definition import PLACEHOLDERS, Step
from journeys.definition_files import load_journeys, parse_journey
from tests.running import ROOT

PAGE = (ROOT / "docs" / "journeys.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ python -m journeys (.*)\n((?:.*\n)*?)```", PAGE)


def test_its_commands_print_what_it_shows() -> None:
    for command, shown in CONSOLE:
        assert CliRunner().invoke(app, shlex.split(command)).output == shown


def test_its_definition_is_right_and_has_every_kind_of_step() -> None:
    (text,) = re.findall(r"```yaml\n(journey:.*?)```", PAGE, re.DOTALL)

    journey = parse_journey(text, "docs/journeys.md")

    used = {kind for step in journey.steps.values() for kind in step.model_fields_set}
    assert used == set(Step.model_fields)


def test_it_names_every_journey_option_command_and_placeholder() -> None:
    options = {name for option in get_command(app).commands["run"].params for name in option.opts}  # type: ignore[attr-defined]
    commands = {kind.__name__ for kind in get_args(Command)}
    placeholders = {f"{{{name}}}" for name in PLACEHOLDERS}

    assert [
        name for name in {*load_journeys(), *options, *commands, *placeholders} if f"`{name}" not in PAGE
    ] == ["--events"]
