"""What stands in the documentation as code: the fenced blocks of its pages and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.running import ROOT

BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


class Block(NamedTuple):
    """A fenced block: its page by path from the root, its language, its text."""

    page: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its commands, each on one line, without prompts, comments and what they print."""
        lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif self.language != "sh":
            return []
        return [re.sub(r"\s+# .*", "", line).strip() for line in lines]


def blocks() -> Iterator[Block]:
    """Every block of the documentation, page by page."""
    for path in PAGES:
        for found in BLOCK.findall(path.read_text(encoding="utf-8")):
            yield Block(str(path.relative_to(ROOT)), *found)


def words(command: str) -> list[str]:
    """What a shell makes of a command, up to a `||`, its substitutions taken as a day."""
    return shlex.split(re.sub(r"\$\([^)]*\)", "2026-11-15", command).partition(" || ")[0])
