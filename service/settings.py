"""Settings from the environment (`GARDOON_...`), read once at start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.declared import plain_fault
from features.zone import UnknownTimeZoneError, load_zone

_PREFIX: Final = "GARDOON_"
_DAY_SECONDS: Final = 86_400


def _a_zone(name: str) -> str:
    try:
        load_zone(name)
    except UnknownTimeZoneError as error:
        raise ValueError("wanted a time zone's name, such as Asia/Tehran") from error
    return name


Pause = Annotated[float, Field(gt=0, le=_DAY_SECONDS)]
Port = Annotated[int, Field(ge=0, le=65_535)]
ZoneName = Annotated[str, AfterValidator(_a_zone)]


class Settings(BaseSettings):
    """Where things are and how the service behaves; the defaults are the embedded set-up under `var/`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, allow_inf_nan=False)

    var: Path = Field(default=Path("var"), description="folder of everything that is generated")
    database_url: str = Field(default="", description="log of record; empty: SQLite in `var/log.db`")
    mlflow_tracking_uri: str = Field(
        default="", description="model registry; empty: SQLite in `var/mlflow.db`"
    )
    feature_store_yaml: Path | None = Field(
        default=None,
        description="read features through Feast with this file; none: the SQLite online store under `var/`",
    )
    decision_points: Path = Field(
        default=Path(__file__).parent / "decision_points", description="folder of YAML files, one a journey"
    )
    tracking_plan: Path = Field(
        default=Path(__file__).parent / "tracking_plan",
        description="folder of JSON Schema files, one an event, that events are held to",
    )
    reports: Path | None = Field(
        default=None, description="folder of the reports that the console shows; none: `reports` under `var/`"
    )
    time_zone: ZoneName = Field(default="Asia/Tehran", description="zone of customers whose own is unknown")
    currency: str = Field(default="IRT", pattern="^[A-Z]{3}$", description="code of the shop's currency")
    poll_seconds: Pause = Field(
        default=1.0, description="how often a worker looks for newer snapshots and champions"
    )
    learn_seconds: Pause = Field(default=5.0, description="pause between two rounds of the learner")
    registry_seconds: Pause = Field(
        default=5.0, description="how often the learner looks at the champion aliases"
    )
    late_outcome_days: float = Field(
        default=90, gt=0, le=3660, description="how long after a decision took effect outcomes are taken in"
    )
    idempotency_hours: float = Field(
        default=24, gt=0, le=24 * 366, description="how long the answer to an `Idempotency-Key` is kept"
    )
    coupon_keys: Path | None = Field(
        default=None,
        description="file of the keys that coupons are signed with, the same for all workers; none: one under `var/`",
    )
    learner_metrics_port: Port = Field(
        default=0, description="where the learner shows its metrics, on every address; 0: nowhere"
    )
    refresh_seconds: Pause = Field(
        default=0.01, description="how often the refresher looks for events while there are none"
    )
    refresher_metrics_port: Port = Field(
        default=0, description="where the refresher shows its metrics, on every address; 0: nowhere"
    )
    alive_file: Path | None = Field(
        default=None,
        description="touched by learner and refresher in each turn, well or ill: one that is old says that they are stuck",
    )
    wheel_frame_ancestors: str = Field(
        default="'none'",
        pattern=r"^[^;,\r\n]+$",
        description="sites that may show the wheel in a frame, with blanks between, as CSP's frame-ancestors takes them",
    )
    rank_exploration: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="share of rankings on the Personalizer routes that choose evenly among the actions",
    )
    rank_reward_wait_minutes: float = Field(
        default=10,
        gt=0,
        le=60 * 24 * 92,
        description="how long a ranking waits for its reward before the default stands in",
    )
    rank_default_reward: float = Field(
        default=0, ge=-1, le=1, description="the reward of a ranking for which none came in time"
    )
    body_limit_bytes: int = Field(
        default=262_144, gt=0, le=2**30, description="largest accepted request body"
    )
    batch_limit_bytes: int = Field(
        default=4_194_304, gt=0, le=2**30, description="largest accepted body of a batch: up to 1,000 items"
    )
    access_seconds: Pause = Field(
        default=1.0, description="how often a worker reads the API keys; a revoked one works no longer"
    )
    rate_limit: str = Field(
        default="1000/second",
        description="how often a caller may ask whose key says nothing; empty: no limit",
    )
    rate_limit_redis: str = Field(
        default="", description="host:port of a Redis in which workers count together; empty: each for itself"
    )
    login_limit: str = Field(
        default="10/minute",
        description="how often an address may try to log in to the console; empty: no limit",
    )
    wheel_address_limit: str = Field(
        default="600/minute",
        description="how often an address may ask for wheels, which a mobile network's customers share; empty: no limit",
    )
    wheel_limit: str = Field(
        default="30/minute",
        description="how often one customer's wheel may be asked for, by whichever links; empty: no limit",
    )
    oidc_issuer: str = Field(
        default="", description="address of the OIDC issuer whose tokens are accepted; empty: API keys only"
    )
    oidc_audience: str = Field(default="", description="what its tokens must name in `aud`")
    oidc_scope_claim: str = Field(
        default="", description="claim that holds a token's scopes; empty: `scope`, else `scp`"
    )
    oidc_scope_prefix: str = Field(
        default="", description="what the issuer puts before our scopes' names, such as `gardoon:`"
    )
    unprotected: str = Field(
        default="",
        description="what an operator must say to listen beyond this machine without keys or issuer (docs/access.md)",
    )

    @property
    def log_url(self) -> str:
        """The database URL of the log, embedded or given."""
        return self.database_url or f"sqlite:///{self.var / 'log.db'}"

    @property
    def registry_uri(self) -> str:
        """The tracking URI of the model registry, embedded or given."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.var / 'mlflow.db'}"

    @property
    def online_path(self) -> Path:
        """The embedded online store's SQLite file."""
        return self.var / "feast" / "online.db"

    @property
    def reports_path(self) -> Path:
        """The folder of reports, given or embedded."""
        return self.reports or self.var / "reports"

    @property
    def audit_key_path(self) -> Path:
        """The file of the secret with which the audit log names customers."""
        return self.var / "audit.key"

    @property
    def coupon_keys_path(self) -> Path:
        """The file of the keys that coupons are signed with, embedded or given."""
        return self.coupon_keys or self.var / "coupon_keys.json"


def faults(error: ValidationError) -> list[str]:
    """What is wrong with the environment, a line for each variable.

    >>> try:
    ...     Settings(poll_seconds=-1)
    ... except ValidationError as error:
    ...     print(*faults(error))
    GARDOON_POLL_SECONDS: Input should be greater than 0; found -1
    """
    return [
        f"{_PREFIX}{each['loc'][0]!s}".upper() + f": {plain_fault(each['msg'])}; found {each['input']!r}"
        for each in error.errors()
    ]
