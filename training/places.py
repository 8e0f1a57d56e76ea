"""Where the batch commands read and write."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folder of generated files, the model registry and the feature store; by default everything is in the folder.

    Training sets are always joined in a store of their own under `var/training`, whatever the served one is.
    """

    var: Path
    tracking_uri: str = ""
    """MLflow's; empty: SQLite in `var/mlflow.db`."""
    feature_store_yaml: Path | None = None
    """Feast's settings with ${NAME} for what the environment gives; None: registry and SQLite store in `var/feast`."""

    @property
    def registry_uri(self) -> str:
        """The tracking URI of the model registry, given or in the folder."""
        return self.tracking_uri or f"sqlite:///{self.var.absolute() / 'mlflow.db'}"

    @property
    def log_url(self) -> str:
        """The URL of the decision log in the folder."""
        return f"sqlite:///{self.var / 'log.db'}"

    @property
    def reports(self) -> Path:
        """The folder of reports."""
        return self.var / "reports"

    @property
    def feast(self) -> Path:
        """The folder of the feature store in files."""
        return self.var / "feast"

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots that are served."""
        return self.feast / "snapshots"

    def feature_store_digest(self) -> str:
        """SHA-256 of the feature store's settings as they are with this environment; empty for the one in the folder."""
        if self.feature_store_yaml is None:
            return ""
        settings = os.path.expandvars(self.feature_store_yaml.read_text(encoding="utf-8"))
        return hashlib.sha256(settings.encode()).hexdigest()
