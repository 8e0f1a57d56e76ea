"""The peers: what they are, environments of their own, and the harness's half of the protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class PeerError(RuntimeError):
    """A peer could not be installed, or its adapter failed; the message holds what it said."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One library: pinned packages, the learners measured for quality and for speed, and how they are set.

    told: those learners of `quality` that play only problems which tell them something beforehand (`Problem.told`).
    install_alone: packages without what they say they depend on.
    """

    name: str
    quality: list[str]
    speed: list[str]
    settings: str
    told: list[str] = field(default_factory=list)
    install: list[str] = field(default_factory=list)
    install_alone: list[str] = field(default_factory=list)
    here: bool = False

    def interpreter(self, var: Path) -> Path:
        """The Python that runs its adapter."""
        return Path(sys.executable) if self.here else var / "peers" / self.name / "bin" / "python"


def read_peers() -> dict[str, Peer]:
    """Every peer of `peers.toml` by name."""
    declared = tomllib.loads((HERE / "peers.toml").read_text(encoding="utf-8"))
    return {name: Peer(name=name, **fields) for name, fields in declared.items()}


def install(peer: Peer, var: Path) -> str:
    """The versions in the peer's environment, made or renewed where its pins are not what is installed.

    Raises: `PeerError` when the installer fails.
    """
    if peer.here:
        return f"numpy {np.__version__}"
    python = peer.interpreter(var)
    folder, stamp = python.parent.parent, python.parent.parent / "pins"
    packages = [*peer.install_alone, *peer.install]
    pins = "\n".join(packages)
    if not stamp.is_file() or stamp.read_text() != pins:
        uv = str(ROOT / ".tools/bin/uv") if (ROOT / ".tools/bin/uv").exists() else "uv"
        _run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "-q", "--python", str(python), *peer.install])
        if peer.install_alone:
            _run([uv, "pip", "install", "-q", "--python", str(python), "--no-deps", *peer.install_alone])
        stamp.write_text(pins)
    return ", ".join(pin.replace("==", " ") for pin in packages)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PeerError(f"{command[0]} is not there: {error}") from error
    if done.returncode:
        raise PeerError(f"not installed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")


class Session:
    """One learner at a time in one adapter process.

    spent_s: the processor time that the process had used when it last answered.
    """

    spent_s = 0.0

    def __init__(self, peer: Peer, var: Path) -> None:
        self.peer = peer
        command = [str(peer.interpreter(var)), str(HERE / "adapters" / f"{peer.name}_peer.py")]
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT) if peer.here else ""}
        self.log = open(os.devnull, "wb")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()
        self.log.close()

    def start(
        self, learner: str, n_actions: int, n_features: int, seed: int, setup: dict[str, Any] | None = None
    ) -> None:
        """A new learner that has seen nothing; `setup` is what it is told beforehand."""
        told = {} if setup is None else {"setup": setup}
        self.ask("start", learner=learner, n_actions=n_actions, n_features=n_features, seed=seed, **told)

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The chosen actions and the probabilities the peer states for them."""
        n = len(contexts)
        self.ask("choose", [contexts, eligible], n=n)
        actions = np.frombuffer(self._read(8 * n), dtype=np.int64)
        return actions, np.frombuffer(self._read(8 * n), dtype=np.float64)

    def learn(self, rewards: np.ndarray) -> None:
        """The rewards of the actions just chosen."""
        self.ask("learn", [rewards])

    def ask(self, verb: str, /, arrays: list[np.ndarray] | None = None, **request: Any) -> dict[str, Any]:
        """The adapter's answer. Raises `PeerError` with its traceback, or when the process ended."""
        message = json.dumps({"do": verb, **request}).encode() + b"\n"
        try:
            self.process.stdin.write(
                message + b"".join(np.ascontiguousarray(a).tobytes() for a in arrays or [])
            )
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise PeerError(f"{self.peer.name}: its adapter ended early") from error
        answer = json.loads(self.process.stdout.readline() or '{"error": "its adapter ended early"}')
        if "error" in answer:
            raise PeerError(f"{self.peer.name}: {answer['error']}")
        self.spent_s = float(answer["spent_s"])
        return answer

    def _read(self, n_bytes: int) -> bytes:
        return self.process.stdout.read(n_bytes)
