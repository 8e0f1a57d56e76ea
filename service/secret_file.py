"""Secrets in files: one for all workers, however they start."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def read_or_create_secret(path: Path) -> bytes:
    """The secret in a file that only its owner can read; made from the system's randomness when there is none.

    The file appears with its content, by a hard link: of workers that start together all read the same whole secret.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent) as file, contextlib.suppress(FileExistsError):
            file.write(os.urandom(32))
            file.flush()
            os.link(file.name, path)
    return path.read_bytes()
