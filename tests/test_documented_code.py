"""Every block of code in the documentation is run by a test, and none can be added that is not.

`RUN_BY` names the test of a page's blocks of one language. The other commands and snippets are run here, those of
`PAGES_RUN_HERE` on a copy of the base of `make run`. What is not run at all has its reason in `PARSED`; it is held to the
real parser, as is every command that a page names in passing.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from sqlalchemy import select, update
from typer.main import get_command
from typer.testing import CliRunner

from features.schema import load_schema
from features.segment_files import load_segments
from service.settings import Settings
from service.store.engine import opened_log
from service.store.tables import events
from tests.documentation import PAGES, Block, blocks, words
from tests.running import ROOT, post, running

RUN_BY = {
    ("README.md", "console"): "tests/test_readme.py",
    ("docs/coupons.md", "python"): "tests/test_coupon_docs.py",
    ("docs/decision-points.md", "yaml"): "tests/service/test_decision_point_docs.py",
    ("docs/engines.md", "http"): "tests/journeys/test_engine_docs.py",
    ("docs/guides/add-a-feature.md", "diff"): "tests/test_site.py",
    ("docs/guides/add-a-journey.md", "console"): "tests/test_site.py",
    ("docs/guides/add-a-journey.md", "yaml"): "tests/test_site.py",
    ("docs/guides/add-a-policy.md", "python"): "tests/test_site.py",
    ("docs/guides/bring-your-data.md", "console"): "tests/test_site.py",
    ("docs/index.md", "console"): "tests/test_site.py",
    ("docs/journeys.md", "console"): "tests/journeys/test_journey_docs.py",
    ("docs/journeys.md", "yaml"): "tests/journeys/test_journey_docs.py",
    ("docs/measures.md", "console"): "tests/test_measures_docs.py",
    ("docs/notebooks/judge_and_promote_a_policy.md", "python"): "tests/test_notebooks.py",
    ("docs/notebooks/train_and_promote_a_scorer.md", "python"): "tests/test_notebooks.py",
    ("docs/operations.md", "sql"): "tests/service/store/test_parquet_export.py",
    ("docs/segments.md", "console"): "tests/test_segment_docs.py",
    ("docs/sizing.md", "python"): "tests/test_sizing_docs.py",
}
SHOWN = {"text", "json", "html"}
"""Languages of what is answered, printed or pasted elsewhere."""

SNIPPETS = {("docs/api.md", "python"), ("docs/events.md", "python"), ("docs/segments.md", "yaml")}
"""Run here, too."""
CLIS = ("service", "training", "journeys")
ADDRESS, A_CODE = "http://127.0.0.1:8000", "XG9Y-07R0-92M1-F122"

PAGES_RUN_HERE = (
    "docs/decision-points.md",
    "docs/batch-decisions.md",
    "docs/evaluation.md",
    "docs/operations.md",
    "docs/drift.md",
    "docs/events.md",
    "docs/tracking-plan.md",
    "docs/feature-builds.md",
    "docs/console.md",
    "docs/access.md",
    "docs/coupons.md",
    "docs/wheel.md",
    "docs/complements.md",
)
"""In this order: keys shut the service for whoever has none, and a shop's own data replace the base's features."""

NEEDS_REWARDS = "wants rewards whose windows have closed: tests/contract/test_exported_log.py"
NEEDS_JAVA = "wants Java: tests/features/test_spark.py"
NEEDS_CDNOW = (
    "wants a file of a package that is not installed: tests/training/importing/test_import_command.py"
)
PARSED = {
    "python -m training evaluate --log decisions:": NEEDS_REWARDS,
    "python -m training evaluate --log parquet:": NEEDS_REWARDS,
    "python -m training complements": "a step of `make run`, which the base has behind it",
    "python -m training compare-complements": "takes a minute: tests/training/complements/test_command.py",
    "python -m training features --engine spark": NEEDS_JAVA,
    "python -m training segments --engine spark": NEEDS_JAVA,
    "python -m training segment regulars --engine spark": NEEDS_JAVA,
    "python -m training import orders CDNOW_master.txt": NEEDS_CDNOW,
    "python -m training fit scorers --dataset cdnow": NEEDS_CDNOW,
    "python -m journeys run --events": "goes on until it is stopped: tests/journeys/test_runner_killed.py",
    "python -m journeys clean-up": "wants a runner's database: tests/journeys/test_clean_up.py",
    "python -m benchmarks.online_writer": "takes a minute and measures: `make bench`",
    "pip install httpx": "changes the environment: tests/gardoon_client/test_client.py",
    "GARDOON_PICTURES=docs/pictures python -m pytest tests/browser": "writes the pictures: tests/browser/test_pages.py",
    "kubectl create secret generic gardoon": "wants a cluster: tests/test_helm_chart.py",
    "helm install shop deploy/helm/gardoon": "wants a cluster: tests/test_helm_chart.py",
    "helm upgrade shop deploy/helm/gardoon": "wants a cluster: tests/test_helm_chart.py",
    "kubectl scale deployment": "wants a cluster: tests/test_helm_chart.py",
    "docker compose": "wants containers: tests/test_deployment.py",
    "echo GARDOON_API_KEY": "a line of a file: tests/test_deployment.py",
}
"""How commands begin that are not run here, and why, with a test of what they do."""
IS_OURS = re.compile(r"python -m (service|training|journeys|benchmarks)\b").match


def is_parsed(command: str) -> bool:
    return command.startswith(tuple(PARSED))


def parsed() -> set[str]:
    """The commands of blocks that are not run."""
    return {command for block in blocks() for command in block.commands if is_parsed(command)}


def command_of(command: str) -> Any:
    return importlib.import_module(f"{words(command)[2]}.cli").app


def commands_of(page: str) -> list[str]:
    return [command for block in blocks() if block.page == page for command in block.commands]


def snippet(page: str) -> str:
    (text,) = (block.text for block in blocks() if (block.page, block.language) == (page, "python"))
    return text


def named_in_passing() -> Iterator[str]:
    """Commands in running text, up to the first word that is left open."""
    for path in PAGES:
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for found in re.findall(r"`(python -m (?:service|training|journeys|benchmarks)\b[^`]*)`", text):
            yield re.split(r"\s(?:\.\.\.|\[)", " ".join(found.split()))[0]


def check_arguments(command: Any, name: str, arguments: list[str]) -> None:
    """Raises, as the command itself would, where the arguments are not its own; a bare name may stand for any."""
    if not arguments:
        return
    with command.make_context(name, list(arguments)) as context:
        if hasattr(command, "resolve_command"):
            inner, found, rest = command.resolve_command(context, arguments)
            check_arguments(found, inner, rest)


class Day(NamedTuple):
    """A folder in which a service has answered; what the page's calls brought, by command, and its Python snippets."""

    folder: Path
    answers: dict[str, Any]
    decision: Any


@pytest.fixture(scope="module")
def day(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Sixty decisions on a copy of the base, and every call and snippet of the pages run here."""
    folder, answers = tmp_path_factory.mktemp("documented"), {}
    var = shutil.copytree(prepared, folder / "var")
    with running(var) as (address, _, _):
        # Coupons alone, of three days: quiet hours and a near midnight keep none back, whenever the tests run.
        ask = {"journey": "churn_prevention", "decide": ["coupon"]}
        asked = [{"customer_id": str(number), **ask} for number in range(1, 61)]
        coupons = [post(f"{address}/v1/decide", question).get("coupon") for question in asked]
        code = next(coupon["code"] for coupon in coupons if coupon)
        for page in PAGES_RUN_HERE:
            for command in commands_of(page):
                if command.startswith("curl "):
                    call = command.replace(ADDRESS, address).replace(A_CODE, code)
                    told = subprocess.run(words(call), capture_output=True, text=True, check=True).stdout
                    answers[page] = json.loads(told)
        called: dict[str, Any] = {}
        exec(snippet("docs/api.md").replace(ADDRESS, address), called)
        exec(snippet("docs/events.md").replace(ADDRESS, address), called)
        called["client"].join()
    return Day(folder, answers, called["decision"])


@pytest.mark.slow
def test_calls_and_snippets_are_answered_by_a_running_service(day: Day) -> None:
    with opened_log(Settings(var=day.folder / "var").log_url) as engine, engine.connect() as connection:
        taken = set(connection.execute(select(events.c.type, events.c.customer_id)))

    assert day.decision.customer_id == "1453"
    assert day.decision.status in ("act", "hold", "suppressed", "holdout")
    assert taken == {("identify", "1001"), ("track", "1001")}
    assert day.answers["docs/coupons.md"]["state"] == "redeemed"
    assert day.answers["docs/wheel.md"]["path"].startswith("/wheel?link=")
    assert len(day.answers["docs/complements.md"]["products"]) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_commands_end_well_in_the_folder_of_a_service(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARDOON_VAR", str(day.folder / "var"))
    monkeypatch.chdir(day.folder)
    shutil.copytree(Settings().decision_points, day.folder / "service" / "decision_points")
    write_a_randomised_test(day.folder / "mail.csv")
    write_history(day.folder / "history.ndjson")
    known: dict[str, str] = {}

    for page in PAGES_RUN_HERE:
        for command in commands_of(page):
            if is_parsed(command) or not command.startswith("python -m "):
                continue
            result = CliRunner().invoke(command_of(command), words(filled(command, known))[3:])
            well = {0, 3} if "||" in command else {0}
            assert result.exit_code in well, (page, command, result.output, result.exception)
            if "events import" in command:
                let_an_hour_pass(day.folder / "var")
            known |= {name: found[1] for name, form in GIVEN.items() if (found := form.search(result.output))}


GIVEN = {
    "a96cced3dd7b": re.compile(r"gdn_([0-9a-f]{12})_"),
    "O2onvM62": re.compile(r"(\S{8})  .* signs *$", re.MULTILINE),
}
"""What a page has as an example and an earlier command gives."""


def filled(command: str, known: dict[str, str]) -> str:
    """The command with what earlier ones gave, and with days around today in place of those of the page."""
    days = {"2026-11-01": -21, "2026-11-15": -7, "2026-12-01": 2}
    today = datetime.now(UTC).date()
    for written, value in {
        **known,
        **{day: f"{today + timedelta(days=n)}" for day, n in days.items()},
    }.items():
        command = command.replace(written, value)
    return command


def let_an_hour_pass(var: Path) -> None:
    """What was told was told earlier: the newest minute of an event log is not imported."""
    with opened_log(Settings(var=var).log_url) as engine, engine.begin() as connection:
        connection.execute(update(events).values(received_at=events.c.received_at - 3_600_000_000))


def write_a_randomised_test(path: Path) -> None:
    """3,000 mails of three kinds drawn alike, in the columns that docs/evaluation.md names."""
    rng = np.random.default_rng(1)
    kinds = rng.choice(["Mens E-Mail", "Womens E-Mail", "No E-Mail"], 3_000)
    lines = [
        f"{kind},{30 * (rng.random() < 0.1)},{rng.integers(1, 13)},{rng.choice(['Urban', 'Rural'])}"
        for kind in kinds
    ]
    path.write_text("\n".join(["segment,spend,recency,zip_code", *lines]) + "\n", encoding="utf-8")


def write_history(path: Path) -> None:
    """Thirty customers with an order a week, and a page view that misses its product."""
    now = datetime.now(UTC)
    orders = [
        {
            "type": "track",
            "event": "purchased",
            "messageId": f"order {customer} {week}",
            "userId": f"told {customer}",
            "timestamp": (now - timedelta(weeks=week, hours=customer)).isoformat(),
            "properties": {
                "order_id": f"{customer}-{week}",
                "amount": 100_000,
                "currency": "IRT",
                "products": [{"product_id": "1", "quantity": 1, "price": 100_000}],
            },
        }
        for customer in range(30)
        for week in range(1, 9)
    ]
    nothing = {**orders[0], "event": "product_viewed", "messageId": "nothing", "properties": {}}
    path.write_text("".join(f"{json.dumps(line)}\n" for line in [*orders, nothing]), encoding="utf-8")


def is_run(block: Block) -> bool:
    if (block.page, block.language) in RUN_BY or (block.page, block.language) in SNIPPETS:
        return True
    if block.commands:
        return all(is_parsed(command) or is_run_here(block.page, command) for command in block.commands)
    return block.language in SHOWN and not re.search(r"^(\$ |python -m )", block.text, re.MULTILINE)


def is_run_here(page: str, command: str) -> bool:
    return page in PAGES_RUN_HERE and command.startswith(
        ("python -m service ", "python -m training ", "curl ")
    )


def test_every_block_of_code_is_run_by_a_test() -> None:
    left = [
        f"{block.page}: {block.language} {block.text.splitlines()[0]}"
        for block in blocks()
        if not is_run(block)
    ]

    assert left == [], "run them by a test and name it in RUN_BY, or add the page to PAGES_RUN_HERE"


def test_the_tests_named_are_there_and_know_their_page() -> None:
    found = list(blocks())

    assert RUN_BY.keys() | SNIPPETS <= {(block.page, block.language) for block in found}
    assert [start for start in PARSED if not any(each.startswith(start) for each in parsed())] == []
    for (page, _), test in RUN_BY.items():
        assert Path(page).stem in (ROOT / test).read_text(encoding="utf-8"), (page, test)
    for reason in PARSED.values():
        assert all((ROOT / test).is_file() for test in re.findall(r"tests/\S+", reason)), reason


@pytest.mark.parametrize("command", sorted({*filter(IS_OURS, parsed()), *named_in_passing()}))
def test_a_command_that_is_not_run_is_one_that_there_is(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CDNOW_master.txt").touch()
    module, *arguments = words(command)[2:]
    if module in CLIS:
        check_arguments(get_command(importlib.import_module(f"{module}.cli").app), module, arguments)
        return
    source = ROOT / module.replace(".", "/")
    file = source / "__main__.py" if source.is_dir() else source.with_suffix(".py")
    text = file.read_text(encoding="utf-8")
    assert [word for word in arguments if word.startswith("--") and f'"{word}"' not in text] == []


def test_the_segments_of_the_page_are_right(tmp_path: Path) -> None:
    shutil.copytree(Settings().decision_points / "segments", tmp_path / "segments")
    texts = [block.text for block in blocks() if (block.page, block.language) == ("docs/segments.md", "yaml")]
    for number, text in enumerate(texts):
        fields = {"name": f"page_{number}", "description": "On the page.", **yaml.safe_load(text)}
        (tmp_path / "segments" / f"{fields['name']}.yaml").write_text(
            yaml.safe_dump(fields), encoding="utf-8"
        )

    assert len(load_segments(tmp_path / "segments", load_schema())) >= len(texts)
