"""Matching a file's columns with ours."""

import pytest

from training.importing.column_map import parse_mapping, resolve_columns
from training.importing.source_file import ImportRefusedError

REQUIRED = ("customer_id", "amount")
OPTIONAL = ("discount",)


def test_a_missing_column_is_refused_with_the_names_found_and_needed_and_the_way_out() -> None:
    with pytest.raises(ImportRefusedError) as refusal:
        resolve_columns(["Customer", "Total"], REQUIRED, OPTIONAL, {"customer_id": "Customer"})

    message = str(refusal.value)
    assert "needed column 'amount' is not in it" in message
    assert "Found: Customer, Total. Needed: customer_id, amount. Optional: discount." in message
    assert "--map OURS=THEIRS" in message


def test_a_mapping_to_a_column_that_is_not_there_is_refused_even_for_an_optional_one() -> None:
    with pytest.raises(ImportRefusedError, match="mapped column 'Rebate' is not in it"):
        resolve_columns(["customer_id", "amount"], REQUIRED, OPTIONAL, {"discount": "Rebate"})


def test_a_mapping_for_a_column_we_do_not_have_is_refused() -> None:
    with pytest.raises(ImportRefusedError, match="'amuont' is no column of ours"):
        resolve_columns(["customer_id", "amount"], REQUIRED, OPTIONAL, {"amuont": "amount"})


@pytest.mark.parametrize("pair", ["amount", "=Total", "amount="])
def test_a_pair_without_both_names_is_refused(pair: str) -> None:
    with pytest.raises(ImportRefusedError, match="wanted <our column>=<the file's column>"):
        parse_mapping([pair])
