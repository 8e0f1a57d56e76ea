"""Messages through Apprise to a real mail server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.sending import ChannelsError, Message, Printing, load_channels
from tests.journeys.outside import Mailbox, mailbox

pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"
)  # Apprise's import


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


def message(channel: str = "email", **traits: str) -> Message:
    return Message(
        customer_id="c1", channel=channel, title="Hooray!", body="برنده شدید: 30,000", traits=traits
    )


def test_a_message_arrives_at_the_customers_address_as_it_was_written(box: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(box.channels, encoding="utf-8")

    assert load_channels(tmp_path / "channels.yaml").send(message(email="c1+tag@example.com"))

    assert box.received[-1] == ("c1+tag@example.com", "Hooray!", "برنده شدید: 30,000")


def test_a_trait_cannot_add_a_parameter_to_the_address(box: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(box.channels, encoding="utf-8")

    load_channels(tmp_path / "channels.yaml").send(message(email="c2@example.com&bcc=spy@example.com"))

    assert all(to != "spy@example.com" for to, _, _ in box.received)


@pytest.mark.parametrize(
    ("sent", "refuses"),
    [
        (message("sms", email="c1@example.com"), False),
        (message(), False),
        (message(email="c1@example.com"), True),
    ],
    ids=["no address of the channel", "no trait of the customer", "refused"],
)
def test_what_cannot_be_handed_over_is_undelivered(
    box: Mailbox, tmp_path: Path, sent: Message, refuses: bool
) -> None:
    (tmp_path / "channels.yaml").write_text(box.channels, encoding="utf-8")
    box.refuses, before = refuses, len(box.received)

    assert load_channels(tmp_path / "channels.yaml").send(sent) is False

    box.refuses = False
    assert len(box.received) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("email: [a, b]", "wanted a line"),
        ("email: [a", "while parsing"),
        ("email: shop@example.com", "email: found 'shop@example.com'; wanted an address of Apprise"),
        ("sms: 'json://gateway/{phone'", "sms: found 'json://gateway/{phone': expected '}'"),
        ("sms: 'json://gateway/{}'", r"sms: found \{\} in .*; wanted a trait's name alone"),
        ("sms: 'json://gateway/{phone:x}'", r"sms: found \{phone\} in .*; wanted a trait's name alone"),
        ("sms: 'json://gateway/{phone.x}'", r"sms: found \{phone.x\} in .*; wanted a trait's name alone"),
    ],
)
def test_a_file_of_channels_that_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "channels.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(ChannelsError, match=told):
        load_channels(tmp_path / "channels.yaml")


def test_the_runner_names_what_is_wrong_with_its_channels_and_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").touch()
    path = tmp_path / "channels.yaml"
    path.write_text("email: nowhere\nsms: 'json://{0}'", encoding="utf-8")
    given = {
        "--events": tmp_path / "events.ndjson",
        "--database": f"sqlite:///{tmp_path}/runs.db",
        "--channels": path,
    }
    options = [str(part) for pair in given.items() for part in pair]

    told = subprocess.run(
        [sys.executable, "-m", "journeys", "run", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told.returncode == 1
    assert [line.split(": found")[0] for line in told.stderr.splitlines()] == [
        f"{path}: email",
        f"{path}: sms",
    ]


def test_without_channels_a_message_is_printed_on_one_line_as_it_was_written_and_no_address_with_it(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    is_sent = Printing().send(message("sms", email="c1@example.com", phone="+989120000000"))

    assert is_sent
    assert capsysbinary.readouterr().out.decode() == "sms to c1: Hooray!: برنده شدید: 30,000\n"
