"""Whether a service may listen where it was told to: nobody shall offer decisions to a whole network by oversight."""

from __future__ import annotations

import socket
from ipaddress import ip_address

IN_SO_MANY_WORDS = "i-know-anyone-can-decide"
"""What GARDOON_UNPROTECTED must say for a service without keys or issuer to listen beyond this machine."""


class ExposedError(ValueError):
    """An unprotected service was to listen where others than this machine reach it."""


def check_exposure(host: str, *, protected: bool, unprotected: str) -> None:
    """Raises `ExposedError` when the service would answer anyone on the network and was not told to in so many words."""
    if protected or is_loopback(host) or unprotected == IN_SO_MANY_WORDS:
        return
    raise ExposedError(
        f"refusing to listen on {host!r}: no API key exists and no OIDC issuer is set, so anyone who reaches it "
        "could decide. Make a key (python -m service keys create NAME --scopes decide,outcomes,read), set "
        f"GARDOON_OIDC_ISSUER, or, if that is what you want, GARDOON_UNPROTECTED={IN_SO_MANY_WORDS}"
    )


def is_loopback(host: str) -> bool:
    """Whether every address of the host is one of this machine that no other machine reaches.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    if not host:
        return False
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ip_address(address.partition("%")[0]).is_loopback for address in found)
