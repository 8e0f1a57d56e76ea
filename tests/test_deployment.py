"""compose.yaml and the Dockerfile agree with the code, with each other and with what must never be in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.main import get_command

from journeys.cli import app as journeys
from service.settings import Settings
from tests.production_shape import COMPOSE, HOME, ROOT, copied, stage
from tests.running import wait_for
from tests.service_image import as_in_its_image

SERVICES = COMPOSE["services"]
TARGETS = ("service", "training", "journeys")


def test_every_variable_is_a_setting_or_named_in_the_feature_stores_settings() -> None:
    settings = {f"GARDOON_{name.upper()}" for name in Settings.model_fields}
    feature_store = (ROOT / "feature_repo" / "feature_store.production.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{(GARDOON_\w+)\}", feature_store))

    given = set(COMPOSE["x-gardoon"]["environment"])

    assert given <= settings | named
    assert named <= given


def test_there_are_no_passwords_and_no_defaults_for_them() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")

    assert all(":?" in found for found in re.findall(r"\$\{[^}]*\}", text))
    assert all(found.startswith("${") for found in re.findall(r"://\w+:([^@\s]*)@", text))
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_healthy_ones_and_uses_declared_volumes(name: str) -> None:
    service = SERVICES[name]

    for other in service.get("depends_on", {}):
        assert "test" in SERVICES[other]["healthcheck"], (
            f"{name} waits for {other}, which has no health check"
        )
    for volume in service["volumes"]:
        assert volume.split(":")[0] in COMPOSE["volumes"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "build" in service])
def test_our_own_containers_run_without_privileges(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"][0].endswith(f":{HOME}/var"), "all that the user may write"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_starts_from_the_slim_base_and_runs_as_a_numbered_user(target: str) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = stage(target)

    assert re.search(rf"^FROM base AS {target}$", text, re.MULTILINE), "no build tools come along"
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001"]
    assert not [line for line in lines[lines.index("USER 10001") :] if line.startswith(("RUN", "COPY"))]


@pytest.mark.parametrize("target", TARGETS)
def test_what_an_image_copies_is_there_and_passes_the_ignore_file(target: str) -> None:
    first, *others = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()

    assert first == "*"
    for folder in copied(target):
        assert (ROOT / folder).is_dir()
        assert f"!{folder}" in others


def test_the_images_hold_what_their_commands_import() -> None:
    assert {"service", "models", "features", "feature_repo"} <= set(copied("service"))
    assert "training" not in copied("service")
    assert {"training", "models", "features", "feature_repo"} <= set(copied("training"))
    assert set(copied("journeys")) == {"journeys", "gardoon_client"}


def test_the_readme_makes_a_key_as_compose_says_because_the_image_listens_to_everyone() -> None:
    created = (
        "docker compose run --rm service python -m service keys create shop --scopes decide,outcomes,read"
    )
    (command,) = (line for line in stage("service") if line.startswith("CMD "))

    assert '"0.0.0.0"' in command
    for document in ("README.md", "compose.yaml"):
        assert created in (ROOT / document).read_text(encoding="utf-8")


def test_the_service_image_has_a_health_check() -> None:
    assert any(line.startswith("HEALTHCHECK") and "/healthz" in line for line in stage("service"))


def test_the_runner_of_journeys_runs_a_command_that_there_is_with_the_settings_that_it_reads() -> None:
    said = SERVICES["journeys"]
    (parameters,) = (
        command.params for name, command in get_command(journeys).commands.items() if name == "run"
    )
    options = {option for parameter in parameters for option in parameter.opts}
    variables = {variable for parameter in parameters for variable in [parameter.envvar] if variable}

    assert said["command"][:4] == ["python", "-m", "journeys", "run"]
    assert {each.split("=")[0] for each in said["command"][4:]} <= options
    assert {*said["environment"], "GARDOON_API_KEY"} == variables
    assert said["env_file"] == [{"path": "journeys.env", "required": False}]


@pytest.mark.slow
def test_the_runner_runs_with_the_files_and_packages_of_its_image_and_touches_its_file(
    tmp_path: Path,
) -> None:
    for name in copied("journeys"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "var").mkdir()
    command = [each.replace("/tmp/", f"{tmp_path}/") for each in SERVICES["journeys"]["command"]]
    here = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}

    with subprocess.Popen(
        [sys.executable, *command[1:]],
        cwd=tmp_path,
        env={**here, **as_in_its_image(lock="journeys.lock")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "running" in process.stdout.readline()
        wait_for((tmp_path / "alive").exists, seconds=20, what="the first turn")
        process.terminate()

    assert process.returncode == 0


@pytest.mark.parametrize("name", ["learner", "refresher", "journeys"])
def test_what_answers_nobody_is_healthy_while_it_touches_its_file(name: str, tmp_path: Path) -> None:
    said = SERVICES[name]
    kind, *command = said["healthcheck"]["test"]
    file, test = tmp_path / "alive", command[-1].replace("$$", "$").replace("/tmp/alive", f"{tmp_path}/alive")
    is_told = [*said.get("command", []), *(f"{k}={v}" for k, v in said["environment"].items())]

    def is_healthy() -> bool:
        return subprocess.run([*command[:-1], test], check=False, capture_output=True).returncode == 0

    assert kind == "CMD"
    assert any(each.endswith("=/tmp/alive") for each in is_told)
    assert not is_healthy()
    file.touch()
    assert is_healthy()
    os.utime(file, (0, time.time() - 31 * 60))
    assert not is_healthy()
