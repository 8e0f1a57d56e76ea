"""How to reach the Redis that Feast's settings name, and whether its layout is the one that is known here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from features.online import OnlineStoreError

TIMEOUT_SECONDS: Final = 1.0
"""How long to wait for a connection or an answer where the settings say nothing."""
_TYPES = ("redis", "feast.infra.online_stores.redis.RedisOnlineStore")
_TEXTS = ("password", "username")


class UnknownLayoutError(OnlineStoreError):
    """The settings name a store that has to be read and written through Feast; the message says why."""


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """One Redis server with Feast's layout: `options` are what `redis.Redis` is made with, the password among them."""

    project: str
    address: str
    options: Mapping[str, Any] = field(repr=False)
    key_ttl_seconds: int | None = None

    def without_password(self, text: object) -> str:
        """The text with the password blotted out: a server may repeat the command that it refuses."""
        secret = str(self.options.get("password") or "")
        return str(text).replace(secret, "***") if secret else str(text)


def redis_settings(settings: Mapping[str, Any]) -> RedisSettings:
    """The server of Feast's settings (`feature_store.yaml`, its ${NAME} filled in).

    Raises `UnknownLayoutError` when the features are elsewhere or laid out otherwise, `OnlineStoreError` when they name
    no project or the connection string has no `host:port`.
    """
    store = settings.get("online_store")
    store = store if isinstance(store, Mapping) else {"type": store}
    _refuse_other_layouts(settings, store)
    if not settings.get("project"):
        raise OnlineStoreError("Feast's settings name no project, which is part of every key")
    servers, options = parse_connection_string(str(store.get("connection_string", "localhost:6379")))
    host, _, port = servers[0].rpartition(":") if servers else ("", "", "")
    if not host or not port.isdecimal():
        found = f"the server {servers[0]!r}" if servers else "no server"
        raise OnlineStoreError(f"online_store.connection_string names {found}, wanted host:port,option=value")
    quick = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS, "retry": None}
    address = str(options.get("unix_socket_path") or servers[0])
    ttl = store.get("key_ttl_seconds")
    given = {"host": host, "port": int(port), **quick, **options}
    return RedisSettings(str(settings["project"]), address, given, int(ttl) if ttl else None)


def parse_connection_string(text: str) -> tuple[list[str], dict[str, Any]]:
    """The servers (`host:port`) and the options of Feast's connection string; an option's value is JSON where it can be.

    >>> parse_connection_string("redis:6379,ssl=true,socket_timeout=0.5,password=1e5")
    (['redis:6379'], {'ssl': True, 'socket_timeout': 0.5, 'password': '1e5'})
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    pairs = (part.split("=", 1) for part in parts if "=" in part)
    return [part for part in parts if "=" not in part], {name: _value(name, value) for name, value in pairs}


def _value(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return text if name in _TEXTS and not isinstance(value, str) else value


def _refuse_other_layouts(settings: Mapping[str, Any], store: Mapping[str, Any]) -> None:
    kind = store.get("type", "sqlite")
    if kind not in _TYPES:
        raise UnknownLayoutError(f"online_store.type is {kind!r}")
    if (shape := store.get("redis_type", "redis")) != "redis":
        raise UnknownLayoutError(f"online_store.redis_type is {shape!r}")
    if (version := settings.get("entity_key_serialization_version", 3)) != 3:
        raise UnknownLayoutError(f"entity_key_serialization_version is {version!r}")
    registry = settings.get("registry")
    if isinstance(registry, Mapping) and registry.get("enable_online_feature_view_versioning"):
        raise UnknownLayoutError("registry.enable_online_feature_view_versioning is on")
