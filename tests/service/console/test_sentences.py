"""Every reason and every error has a sentence in both languages."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from service.console.language import ENGLISH, LANGUAGES, PERSIAN, Language
from service.console.page import environment
from service.errors import ServiceError
from service.guardrails.reason import UNITS
from service.schemas import Unit
from tests.service.conftest import Worker, stored_customer

DETAIL: Final = "as the log has it"
VALUES: Final[dict[Unit, tuple[Any, Any]]] = {
    "actions": (["sms", "email"], ["app_push"]),
    "zones": (["Asia/Tehran"], ["Atlantis/Capital"]),
    "flag": (True, False),
    "moment": ("2026-11-23T04:30:00Z", "2026-11-22T23:30:00Z"),
    "messages": (3.0, 4.0),
    "hours": (2.5, 0.25),
    "minutes": (30.0, 20.0),
    "money": (30_000.0, 20_000.0),
    "draws": (1.0, 1.0),
}
"""A limit and what was found, by unit."""
NAMES: Final = {rule: "cap:weekly" if rule == "cap" else rule for rule in UNITS}


def reason(rule: str, **changed: Any) -> dict[str, Any]:
    limit, current = VALUES[UNITS[rule.partition(":")[0]]]
    return {"rule": rule, "limit": limit, "current": current, "detail": DETAIL} | changed


def sentence(language: Language, template: str, told: Any) -> str:
    made = environment(language, "Asia/Tehran").get_template(template)
    text = made.make_module({"currency": "IRT", "language": language}).sentence(told)  # type: ignore[attr-defined]
    return " ".join(str(text).split())


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda each: each.code)
@pytest.mark.parametrize("rule", UNITS)
def test_every_rule_has_a_sentence_in_each_language(rule: str, language: Language) -> None:
    found = sentence(language, "reasons.html", reason(NAMES[rule]))

    assert DETAIL not in found, "give the rule a sentence in templates/reasons.html"
    assert found.endswith(".")
    assert bool(re.search("[آ-ی]", found)) is (language is PERSIAN)


def test_a_sentence_fills_in_what_was_compared_as_the_language_writes_it() -> None:
    budget = [sentence(each, "reasons.html", reason("budget")) for each in (ENGLISH, PERSIAN)]
    cap = sentence(PERSIAN, "reasons.html", reason("cap:weekly"))

    assert "30,000 toman" in budget[0]
    assert "۳۰٬۰۰۰ تومان" in budget[1]
    assert "۳" in cap
    assert "پیامک، ایمیل" in sentence(PERSIAN, "reasons.html", reason("journey"))


@pytest.mark.parametrize("rule", ["consent", "reachability"])
def test_what_is_not_known_has_another_sentence_than_what_is_missing(rule: str) -> None:
    for language in (ENGLISH, PERSIAN):
        unknown = sentence(language, "reasons.html", reason(rule, current=None))

        assert unknown != sentence(language, "reasons.html", reason(rule))


def test_a_rule_of_a_newer_log_is_told_in_the_logs_words() -> None:
    found = {"rule": "curfew", "limit": True, "current": False, "detail": DETAIL}

    assert DETAIL in sentence(PERSIAN, "reasons.html", found)


def test_the_pages_tell_reasons_in_persian(worker: Worker) -> None:
    worker.reader.customers["c2"] = stored_customer("c2", consent_sms=False)
    decided = worker.decide(customer_id="c2", journey="churn_prevention", decide=["channel"])
    address = f"/console/decisions/{decided['decision_id']}"
    tried = {"id": "c2", "journey": "churn_prevention", "lang": "fa"}

    persian = [
        worker.client.get(address, params={"lang": "fa"}).text,
        worker.client.get("/console/customer", params=tried).text,
    ]

    assert all("مشتری به این کانال رضایت نداده است." in page for page in persian)
    assert "The customer has not agreed to this channel." in worker.client.get(f"{address}?lang=en").text


def kinds(of: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    return [of, *(kind for each in of.__subclasses__() for kind in kinds(each))]


@pytest.mark.parametrize("title", sorted({kind.title for kind in kinds()}))
def test_every_error_has_a_sentence_in_each_language(title: str) -> None:
    english, persian = (sentence(each, "faults.html", title) for each in (ENGLISH, PERSIAN))

    assert title not in (english, persian), "give the error a sentence in templates/faults.html"
    assert english != persian
