"""Which code made an artifact: the commit, where there is one, and a digest of the sources, which is always true."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("features", "models", "training")


def source_digest(project: Path = PROJECT) -> str:
    """SHA-256 over the paths and contents of the packages' Python and TOML files, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted(p for p in (project / package).rglob("*") if p.suffix in (".py", ".toml")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(project).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def git_commit(project: Path = PROJECT) -> str:
    """The checked-out commit, `+changes` behind it when a tracked file differs; `none` outside a repository."""
    git = shutil.which("git")
    if git is None:
        return "none"

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [git, "-C", str(project), *arguments], capture_output=True, text=True, check=False, timeout=30
        )

    commit = ask("rev-parse", "HEAD")
    if commit.returncode != 0:
        return "none"
    changed = ask("status", "--porcelain", "--untracked-files=no").stdout.strip()
    return commit.stdout.strip() + ("+changes" if changed else "")
