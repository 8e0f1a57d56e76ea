"""Trained things as data: a JSON manifest, named arrays and named texts. Never pickles, never code."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What zipfile, zlib, numpy and json raise for bytes that were cut or altered.
_UNREADABLE = (ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


class ArtifactError(ValueError):
    """An artifact that cannot be read as what it claims to be; the message names what was found and what is wanted."""


@dataclass(frozen=True)
class Artifact:
    """A manifest (JSON values), arrays by name and texts by file name; equal contents give equal bytes."""

    manifest: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """The artifact as files by name."""
        manifest = json.dumps(self.manifest, sort_keys=True, indent=1, allow_nan=False).encode()
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{name: self.arrays[name] for name in sorted(self.arrays)})
        texts = {name: self.texts[name].encode() for name in sorted(self.texts)}
        return {MANIFEST: manifest, ARRAYS: buffer.getvalue(), **texts}

    def to_bytes(self) -> bytes:
        """The artifact as one zip archive without times of its own."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files().items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents, 16 hexadecimal digits: the artifact's version in answers and logs.

        Of an array its type, shape and numbers count, not the file: another version of Python or NumPy packs it otherwise.
        """
        digest = hashlib.sha256()
        for name, content in self._contents():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        yield MANIFEST, json.dumps(self.manifest, sort_keys=True, indent=1, allow_nan=False).encode()
        for name, array in sorted(self.arrays.items()):
            yield f"{ARRAYS}/{name} {array.dtype.str} {array.shape}", array.tobytes()
        for name, text in sorted(self.texts.items()):
            yield name, text.encode()

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Artifact:
        """The artifact in these files. Raises `ArtifactError` when one is missing or cannot be read."""
        missing = {MANIFEST, ARRAYS} - files.keys()
        if missing:
            raise ArtifactError(f"an artifact needs {MANIFEST} and {ARRAYS}; found {sorted(files)}")
        try:
            manifest = json.loads(files[MANIFEST])
            with np.load(io.BytesIO(files[ARRAYS]), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            texts = {name: files[name].decode() for name in files.keys() - {MANIFEST, ARRAYS}}
        except _UNREADABLE as error:
            raise ArtifactError(f"one of {sorted(files)} cannot be read: {error!r}") from error
        if not isinstance(manifest, dict):
            raise ArtifactError(f"{MANIFEST} holds a {type(manifest).__name__}; wanted an object")
        return cls(manifest, arrays, texts)

    @classmethod
    def from_bytes(cls, content: bytes) -> Artifact:
        """The artifact in an archive of `to_bytes`. Raises `ArtifactError`."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        except _UNREADABLE as error:
            raise ArtifactError(f"not an artifact archive: {error!r}") from error
        return cls.from_files(files)

    def require(self, kind: str) -> None:
        """Raises `ArtifactError` unless the manifest says it is of this kind."""
        found = self.manifest.get("kind")
        if found != kind:
            raise ArtifactError(f"the artifact is of kind {found!r}; wanted {kind!r}")
