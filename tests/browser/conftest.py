"""One service on a small shop and one headless Chromium for all tests of what people look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from features.schema import CHANNELS
from service.settings import Settings
from tests.browser.past import remember
from tests.browser.sight import faults_of
from tests.features.conftest import Shop
from tests.running import ROOT, post
from tests.service.real_shop import prepare, serving, where_it_is_noon
from training.evaluation.html_page import html_page, html_table
from training.evaluation.picture import Bar, interval_picture

REPORT = ROOT / "tests" / "service" / "console" / "measures.json"
CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = ("--no-sandbox", "--disable-features=LocalNetworkAccessChecks")
"""Without the latter a page that a test makes up, with no address of its own, could not frame one of this machine."""
LANGUAGES = ("en", "fa")
EVALUATION = "20261122-channel.html"
CUSTOMERS = 10
_REACH = [f"{what}_{channel}" for what in ("consent", "reachable") for channel in CHANNELS]


@dataclass(frozen=True)
class Console:
    """A running service with decisions in its log, the key that opens it and one that opens nothing of it.

    noon: the zone of customers 3 and on, where it is about noon: their wheels turn whatever hour the tests run at.
    """

    address: str
    key: str
    poor_key: str
    decision_id: str
    var: Path
    noon: str

    def filled(self, path: str) -> str:
        """The path of a route with what it asks for; a parameter that nobody filled in yet is an error."""
        return path.format(decision_id=self.decision_id, name=EVALUATION)


@dataclass
class Visit:
    """A page in the browser, with what its scripts complained of."""

    page: Page
    console: Console
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str, status: int = 200) -> None:
        """Open a page of the service; it must be shown, or refused with this status."""
        answer = self.page.goto(f"{self.console.address}{path}")
        assert answer is not None
        assert answer.status == status, (path, answer.status)
        if status >= 400:  # Chromium tells of such an answer as if a script had
            self.complaints[:] = [each for each in self.complaints if f"status of {status}" not in each]

    def check(self) -> None:
        """No script complained, and axe finds no fault with what is shown."""
        assert self.complaints == []
        assert faults_of(self.page) == [], self.page.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; where there is none, what needs it is skipped and says so.

    Closed with the module: while it is open Playwright's event loop runs in the thread of all tests.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def console(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, busy_shop: Callable[[], Shop]
) -> Iterator[Console]:
    """The service; it is not started where there is no browser to look at it."""
    assert browser.is_connected()
    var = tmp_path_factory.mktemp("console")
    now, shop = datetime.now(UTC), busy_shop()
    noon = where_it_is_noon()
    for number in range(3, CUSTOMERS):
        known = dict.fromkeys(_REACH, True)
        shop.customer(f"customer {number}", "2023-12-01", time_zone=noon, **known)
        shop.order(f"customer {number}", "2024-02-20", amount=100_000 * number)
    prepare(var, shop)
    (var / "reports").mkdir()
    shutil.copy(REPORT, var / "reports")
    (var / "reports" / EVALUATION).write_text(_evaluation(), encoding="utf-8")
    key, poor_key = _new_key(var, "read,decide,outcomes,events,admin"), _new_key(var, "outcomes")
    settings = {
        "GARDOON_DECISION_POINTS": str(_daylong(var)),
        "GARDOON_WHEEL_FRAME_ANCESTORS": "http://shop.test",
    }
    with serving(var, **settings) as (address, _):
        decided = _fill(address, key)
        remember(var, now)
        yield Console(address, key, poor_key, decided, var, noon)


def _evaluation() -> str:
    """A page of an offline evaluation, of the parts that real ones are made of."""
    bars = [Bar(name=name, value=0.2, low=0.1, high=0.3) for name in ("ips", "dr")]
    table = html_table(("estimator", "value"), [(bar.name, str(bar.value)) for bar in bars])
    return html_page("Channel policy, judged offline", [table, interval_picture(bars, "policy value")])


def _new_key(var: Path, scopes: str) -> str:
    command = [sys.executable, "-m", "service", "keys", "create", f"desk of {scopes[:4]}"]
    done = subprocess.run(
        [*command, "--scopes", scopes],
        cwd=ROOT,
        env={**os.environ, "GARDOON_VAR": str(var)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def _daylong(var: Path) -> Path:
    """The shipped journeys with nobody held out, one with half at random, and a wheel that always has a code."""
    folder = var / "decision_points"
    shutil.copytree(Settings().decision_points, folder)
    for path in folder.glob("*.yaml"):
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "journey" in fields:
            fields.pop("shares", None)
        if fields.get("journey") == "browse_abandonment":
            fields["shares"] = {"random": 0.5}
        if fields.get("journey") == "lucky_wheel":
            fields["coupon"] |= {"amounts": [10000, 20000, 30000, 40000, 50000], "minimum_life_minutes": 0}
        fields.pop("holdout", None)
        path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return folder


def _fill(address: str, key: str) -> str:
    """Decisions, an outcome and an event; the id of the decision that the outcome is of."""
    for number in range(7):
        for journey in ("churn_prevention", "cart_abandonment", "browse_abandonment"):
            asked = {"customer_id": f"customer {number}", "journey": journey}
            decided = post(f"{address}/v1/decide", asked, key=key)
    for number in (3, 4):
        drawn = {"customer_id": f"customer {number}", "journey": "lucky_wheel", "decide": ["coupon"]}
        post(f"{address}/v1/decide", drawn, key=key)
    now = datetime.now(UTC).isoformat()
    clicked = {"event_id": "e1", "decision_id": decided["decision_id"], "kind": "clicked", "occurred_at": now}
    post(f"{address}/v1/outcomes", {"outcomes": [clicked]}, key=key)
    viewed = {"userId": "customer 0", "event": "product_viewed", "properties": {"product_id": "p-17"}}
    post(f"{address}/v1/track", viewed, key=key)
    post(f"{address}/v1/identify", {"userId": "customer 0", "traits": {"city": "شیراز"}}, key=key)
    return str(decided["decision_id"])


@pytest.fixture(scope="module")
def session(browser: Browser, console: Console) -> Iterator[BrowserContext]:
    """The browser of somebody who has logged in."""
    with browser.new_context(locale="en-US", viewport={"width": 1080, "height": 720}) as context:
        log_in(context, console.address, console.key)
        yield context


@pytest.fixture(scope="module")
def unscripted(browser: Browser, console: Console) -> Iterator[Page]:
    """A page of a browser that runs no scripts; who looks has logged in with it."""
    with browser.new_context(locale="en-US", java_script_enabled=False) as context:
        log_in(context, console.address, console.key)
        yield context.new_page()


def log_in(context: BrowserContext, address: str, key: str, then: str = "/console/decisions") -> None:
    """By the form, as people do."""
    page = context.new_page()
    page.goto(f"{address}/console/login?lang=en&next={then}")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{then}")
    page.close()


@pytest.fixture
def visit(session: BrowserContext, console: Console) -> Iterator[Visit]:
    """A new page of who has logged in."""
    yield from visiting(session, console)


@pytest.fixture
def stranger(browser: Browser, console: Console) -> Iterator[Visit]:
    """A new page of somebody whom nobody knows, on a phone."""
    with browser.new_context(locale="en-US", viewport={"width": 390, "height": 800}) as context:
        yield from visiting(context, console)


def visiting(context: BrowserContext, console: Console) -> Iterator[Visit]:
    """A page that is closed at the end."""
    page = context.new_page()
    visit = Visit(page, console)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    yield visit
    page.close()
