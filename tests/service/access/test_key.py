"""API keys as values: their form, what is kept of them, rotation."""

from __future__ import annotations

import os
from datetime import timedelta

from service.access.key import new_key_text, parse_key_text
from service.access.scope import Scope
from tests.service.access.callers import made_key
from tests.service.conftest import NOW


def test_a_key_names_itself_and_carries_256_random_bits() -> None:
    text = new_key_text(os.urandom)

    assert str(text).startswith(f"gdn_{text.key_id}_")
    assert parse_key_text(str(text)) == text
    assert len({new_key_text(os.urandom).secret for _ in range(100)}) == 100
    assert len(text.secret) == 43


def test_neither_the_kept_key_nor_a_printed_one_holds_the_secret() -> None:
    key, text = made_key(Scope.DECIDE)

    assert text.secret not in repr(key)
    assert text.secret not in repr(text)
    assert key.accepts(text.digest, NOW)


def test_what_has_not_the_form_of_a_key_is_none() -> None:
    text = str(new_key_text(os.urandom))

    for wrong in (
        "",
        "gdn_",
        text[:-1],
        text + "A",
        text.upper(),
        text + "\n",
        f" {text}",
        text.replace("_", "-"),
    ):
        assert parse_key_text(wrong) is None, wrong


def test_a_hash_means_nothing_under_another_id() -> None:
    text = new_key_text(os.urandom)

    assert type(text)("0" * 12, text.secret).digest != text.digest


def test_during_a_rotations_overlap_both_secrets_work_and_after_it_the_new_one() -> None:
    key, old = made_key(Scope.DECIDE)
    new = new_key_text(os.urandom, key.key_id)

    rotated = key.rotated(new.digest, NOW, timedelta(hours=24))

    during, after = NOW + timedelta(hours=23), NOW + timedelta(hours=24)
    assert [rotated.accepts(text.digest, during) for text in (old, new)] == [True, True]
    assert [rotated.accepts(text.digest, after) for text in (old, new)] == [False, True]


def test_a_second_rotation_ends_the_first_secret_at_once() -> None:
    key, first = made_key(Scope.DECIDE)
    second, third = (new_key_text(os.urandom, key.key_id) for _ in range(2))

    twice = key.rotated(second.digest, NOW, timedelta(days=1)).rotated(third.digest, NOW, timedelta(days=1))

    assert [twice.accepts(text.digest, NOW) for text in (first, second, third)] == [False, True, True]


def test_where_there_was_no_rotation_nothing_stands_in_for_the_previous_secret() -> None:
    key, _ = made_key(Scope.DECIDE)

    assert not key.accepts(bytes(32), NOW)
    assert not key.accepts(b"", NOW)
