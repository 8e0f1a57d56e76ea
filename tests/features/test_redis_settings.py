"""Which of Feast's settings mean a Redis whose layout is known here, and how it is reached."""

from __future__ import annotations

from typing import Any

import pytest

from features.online import OnlineStoreError
from features.redis_settings import UnknownLayoutError, redis_settings


def settings(connection_string: str = "redis:6379", **store: Any) -> dict[str, Any]:
    return {
        "project": "gardoon",
        "online_store": {"type": "redis", "connection_string": connection_string, **store},
    }


def test_the_options_of_feasts_connection_string_are_taken_and_waiting_is_bounded() -> None:
    plain = redis_settings(settings())
    full = redis_settings(
        settings("redis:6380,ssl=true,db=2,password=1e5,socket_timeout=0.25,retry=null", key_ttl_seconds=60)
    )

    assert (plain.project, plain.address, plain.key_ttl_seconds) == ("gardoon", "redis:6379", None)
    quick = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "retry": None}
    assert plain.options == {"host": "redis", "port": 6379, **quick}
    given = {"ssl": True, "db": 2, "password": "1e5", "socket_timeout": 0.25}
    assert full.options == {"host": "redis", "port": 6380, **quick, **given}
    assert full.key_ttl_seconds == 60


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"online_store": {"type": "postgres"}}, "online_store.type is 'postgres'"),
        ({"online_store": "sqlite"}, "online_store.type is 'sqlite'"),
        ({"online_store": {"type": "redis", "redis_type": "redis_cluster"}}, "redis_type is 'redis_cluster'"),
        ({"online_store": {"type": "redis", "redis_type": "redis_sentinel"}}, "is 'redis_sentinel'"),
        ({"entity_key_serialization_version": 2}, "entity_key_serialization_version is 2"),
        ({"registry": {"enable_online_feature_view_versioning": True}}, "versioning is on"),
    ],
)
def test_what_is_laid_out_otherwise_is_left_to_feast(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownLayoutError, match=said):
        redis_settings({**settings(), **changed})


@pytest.mark.parametrize("text", ["redis", "${GARDOON_REDIS}", "ssl=true,password=needle", "redis:door"])
def test_a_connection_string_without_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(OnlineStoreError, match="wanted host:port") as refused:
        redis_settings(settings(text))

    assert "needle" not in str(refused.value)


def test_settings_without_a_project_are_refused() -> None:
    with pytest.raises(OnlineStoreError, match="name no project"):
        redis_settings({"online_store": settings()["online_store"]})


def test_the_password_is_in_no_text() -> None:
    read = redis_settings(settings("redis:6379,password=needle-4711"))

    assert "needle" not in repr(read)
    assert read.without_password("unknown command AUTH needle-4711") == "unknown command AUTH ***"
