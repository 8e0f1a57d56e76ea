"""`python -m training import orders` as a user meets it."""

from pathlib import Path

from typer.testing import CliRunner

from training.cli import app
from training.importing.dataset import read_manifest

CDNOW_HEAD = """ customer_id  date number_of_cds  dollar_value
 00001 19970101  1   11.77
 00002 19970112  1   12.00
 00002 19970112  5   77.00
"""
CDNOW_OPTIONS = [
    *("--separator", "whitespace", "--currency", "USD", "--amount-scale", "100", "--name", "cdnow"),
    *("--map", "ordered_at=date", "--map", "amount=dollar_value", "--map", "quantity=number_of_cds"),
]


def test_a_blank_separated_file_without_order_ids_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "CDNOW_master.txt"
    file.write_text(CDNOW_HEAD)

    result = CliRunner().invoke(
        app, ["import", "orders", str(file), *CDNOW_OPTIONS, "--var", str(tmp_path / "var")]
    )

    assert result.exit_code == 0, result.output
    assert "2 customers, 2 orders" in result.output
    assert read_manifest(tmp_path / "var/data/cdnow").currency == "USD"


def test_rejected_rows_are_shown_by_reason_and_are_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("customer_id,ordered_at,amount\na,2024-01-01,5\na,2024-01-02,-5\n")

    result = CliRunner().invoke(app, ["import", "orders", str(file), "--var", str(tmp_path / "var")])

    assert result.exit_code == 0, result.output
    assert "negative amount: 1" in result.output
    assert "rejects.csv" in result.output


def test_a_file_without_the_needed_columns_is_refused_with_one_message_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("customer_id,when,amount\na,2024-01-01,5\n")

    result = CliRunner().invoke(app, ["import", "orders", str(file), "--var", str(tmp_path / "var")])

    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "needed column 'ordered_at' is not in it. Found: customer_id, when, amount" in result.stderr
    assert not (tmp_path / "var").exists()
