"""What a process of the service finds installed: what its image has, and nothing of what trains and tests here.

So a test sees what runs in production: LightGBM alone would import scikit-learn and its like, which that image lacks.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
LACKING = ROOT / "tests" / "lacking"


def as_in_its_image(*folders: Path, lock: str = "serve.lock") -> dict[str, str]:
    """Variables for a Python that is to import no package beyond those in `requirements`; it looks in the folders, too."""
    path = ":".join(str(folder) for folder in (LACKING, *folders))
    return {"PYTHONPATH": path, "LACKING": " ".join(packages_beyond(lock))}


@cache
def packages_beyond(lock: str) -> tuple[str, ...]:
    """The top-level packages of this environment that an environment of the lock alone would not have."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE)
    locked = {normal(name) for name in found}
    installed = packages_distributions().items()
    return tuple(sorted(top for top, names in installed if not {normal(name) for name in names} & locked))


def normal(distribution: str) -> str:
    """As an index compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
