"""What `run` shows when the service is ready: a request for a real customer and the answer it gets."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import Request, urlopen

from rich.console import Console

from service.access.key_store import is_protected
from service.settings import Settings

WAIT_SECONDS = 120


def greet(address: str, settings: Settings) -> None:
    """Wait until the service is ready, then show a curl command and what it answers."""
    console = Console()
    if not _wait_until_ready(address):
        console.print(f"[red]not ready after {WAIT_SECONDS} seconds[/red]; see {address}/readyz")
        return
    body = {"customer_id": example_customer(settings), "journey": "churn_prevention", "explain": "scores"}
    text = json.dumps(body)
    shown = json.dumps(
        {**body, "dry_run": True}
    )  # takes no place under the caps: whoever asks next gets a message
    console.print(
        f"\nGardoon is ready on {address} (documentation: {address}/docs). Ask it:\n", soft_wrap=True
    )
    protected = is_protected(settings)
    key = "-H 'authorization: Bearer YOUR-KEY' " if protected else ""
    command = f"curl -s {address}/v1/decide {key}-H 'content-type: application/json' -d '{text}'"
    console.print(command, soft_wrap=True, highlight=False)
    if not protected:
        request = Request(f"{address}/v1/decide", shown.encode(), {"content-type": "application/json"})
        with urlopen(request, timeout=10) as response:
            console.print("\nA dry run of it answers (nothing is given or logged, so there is no code):\n")
            console.print_json(response.read().decode())
    console.print("\nCtrl-C stops it.")


def example_customer(settings: Settings) -> str:
    """The customer that the preparation named as an example."""
    path = settings.var / "example_customer"
    return path.read_text().strip() if path.is_file() else "1"


def _wait_until_ready(address: str) -> bool:
    for _ in range(WAIT_SECONDS * 4):
        try:
            with urlopen(f"{address}/readyz", timeout=5):
                return True
        except (URLError, HTTPException, OSError):
            time.sleep(0.25)
    return False
