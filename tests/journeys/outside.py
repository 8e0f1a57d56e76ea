"""What a runner meets outside, as real servers: a service that answers by rote, and a mail server that keeps its mail."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.running import ROOT
from tests.service.real_shop import free_port

Moment = Callable[[str], None]


@dataclass
class RoteService:
    """Decides to send an e-mail at once; the same key gets the same decision. `at` hears of each moment of an exchange."""

    at: Moment = lambda _: None
    complements: tuple[str, ...] = ()
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    n_asked: int = 0
    n_told: int = 0
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    address: str = ""

    def answer(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer of one exchange."""
        if path == "/v1/outcomes":
            self.n_told += 1
            self.outcomes |= {outcome["event_id"]: outcome for outcome in body["outcomes"]}
            results = [
                {"event_id": each["event_id"], "status": 202, "detail": ""} for each in body["outcomes"]
            ]
            return {"accepted": len(results), "results": results}
        if path == "/v1/complements":
            fixed = {"unknown": [], "excluded": [], "versions": {}, "bought_within_days": 28}
            fallback = None if self.complements else "unknown_cart"
            return {
                **fixed,
                "products": [complement(each) for each in self.complements],
                "fallback": fallback,
            }
        self.n_asked += 1
        return self.decisions.setdefault(key, decision(key, body))


def decision(key: str, body: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    scores = {"purchase_propensity": 0.5, "churn_risk": 0.5, "expected_value": 1, "currency": "IRT"}
    fixed = {"status": "act", "group": "decisioning", "channel": "email", "propensity": {}, "scores": scores}
    who = {"customer_id": body["customer_id"], "journey": body["journey"]}
    return {
        "decision_id": f"decision-{key}",
        "decided_at": now,
        "send_at": now,
        "versions": {},
        **fixed,
        **who,
    }


def complement(product: str) -> dict[str, Any]:
    return {"product_id": product, "score": 0.5, "support": 20, "because_of": "tea"}


@contextmanager
def rote_service(complements: tuple[str, ...] = ()) -> Iterator[RoteService]:
    """A service that answers by rote, on a port of its own."""
    service = RoteService(complements=complements)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            what = self.path.rsplit("/", 1)[1]
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            service.at(f"{what} asked")
            answer = json.dumps(service.answer(self.path, self.headers["idempotency-key"], body)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            service.at(f"{what} done")
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True  # the other side was killed

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.address = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield service
        finally:
            server.shutdown()
            serving.join()


@dataclass
class Mailbox:
    """A mail server; `subjects` by who they are for."""

    at: Moment = lambda _: None
    received: list[tuple[str, str, str]] = field(default_factory=list)
    refuses: bool = False
    port: int = 0

    @property
    def channels(self) -> str:
        """The file of channels for it: what is shown on a screen comes by mail, too."""
        address = (
            f"mailto://127.0.0.1:{self.port}?from=shop@example.com&to={{email}}&smtp=127.0.0.1&format=text"
        )
        return f"email: {address}\nscreen: {address}\n"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message."""
        self.at("mail asked")
        if self.refuses:
            return "554 refused"
        mail = message_from_bytes(bytes(envelope.content or b""))
        body = str(mail.get_payload(decode=True).decode().strip())  # type: ignore[union-attr]
        self.received.append((envelope.rcpt_tos[0], str(mail["Subject"]), body))
        self.at("mail done")
        return "250 OK"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server on a port of its own."""
    found = Mailbox(port=free_port())
    controller = Controller(found, hostname="127.0.0.1", port=found.port)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()


def track(customer: str, event: str, hours_ago: float, **properties: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    message = {"messageId": f"{customer}-{event}", "userId": customer, "timestamp": at.isoformat()}
    return {"type": "track", "event": event, "properties": properties, **message}


def tell(events: Path, *messages: dict[str, Any]) -> None:
    with events.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(message) + "\n" for message in messages)


@contextmanager
def runner(folder: Path, service: str, box: Mailbox, database: str = "") -> Iterator[subprocess.Popen[str]]:
    """`python -m journeys run`, ready."""
    channels = folder / "channels.yaml"
    channels.write_text(box.channels, encoding="utf-8")
    options = {"events": folder / "events.ndjson", "service": service, "channels": channels}
    command = [
        sys.executable,
        "-m",
        "journeys",
        "run",
        "--database",
        database or f"sqlite:///{folder}/journeys.db",
    ]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with (folder / "runner.log").open("a") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        assert "running" in process.stdout.readline(), (folder / "runner.log").read_text()
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdout.close()
