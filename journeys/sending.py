"""Handing messages over: printed, or through Apprise to whatever a channel's address says (SMTP, SMS gateways, pushes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import yaml

from journeys.definition import placeholders

SCREEN = "screen"
"""The channel of what was decided without one: it is shown on the page that the customer is on."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What goes to one customer; `traits`: what is known of them, their addresses too."""

    customer_id: str
    channel: str
    title: str
    body: str
    traits: Mapping[str, Any] = field(default_factory=dict)


class Sender(Protocol):
    """Hands messages over."""

    def send(self, message: Message) -> bool:
        """Whether the channel took it."""


class Printing:
    """Prints messages."""

    def send(self, message: Message) -> bool:
        """True: printing is certain."""
        print(f"{message.channel} to {message.customer_id}: {message.title}: {message.body}", flush=True)
        return True


class ChannelsError(ValueError):
    """Addresses of channels that cannot be used."""


class Channels:
    """Sends through Apprise by an address for each channel; `{email}` in it stands for the customer's trait of that name."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    def send(self, message: Message) -> bool:
        """False where the channel has no address, the customer lacks a trait that it names, or it was refused."""
        from apprise import Apprise

        address = self._addresses.get(message.channel)
        if address is None:
            return False
        traits = {name: quote(str(value), safe="@+") for name, value in message.traits.items()}
        try:
            filled = address.format_map({"customer_id": quote(message.customer_id, safe=""), **traits})
        except KeyError:
            return False
        apprise = Apprise()
        return apprise.add(filled) and bool(apprise.notify(title=message.title, body=message.body))


def load_channels(path: Path) -> Channels:
    """The addresses in a YAML file, a channel each. Raises `ChannelsError` with all that is wrong with them."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ChannelsError(f"{path}: {error}") from error
    if not isinstance(found, dict) or not all(
        isinstance(part, str) for pair in found.items() for part in pair
    ):
        raise ChannelsError(f"{path}: wanted a line `channel: address` for each channel")
    faults = [f"{path}: {name}: {fault}" for name, address in found.items() if (fault := _fault(address))]
    if faults:
        raise ChannelsError("\n".join(faults))
    return Channels(found)


def _fault(address: str) -> str | None:
    """What no message could be sent to."""
    if "://" not in address:
        return f"found {address!r}; wanted an address of Apprise, such as mailto://..."
    try:
        named = placeholders(address)
    except ValueError as error:
        return f"found {address!r}: {error}"
    for name, is_alone in named:
        if not (is_alone and name.isidentifier()):
            return f"found {{{name}}} in {address!r}; wanted a trait's name alone in braces"
    return None
