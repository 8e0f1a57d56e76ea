"""Forgetting reaches the folder of a run: the customer goes, everybody else stays in their part."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from service.bulk.customer_list import read_part, write_list
from service.bulk.part import write_part
from service.bulk.run import NOTE
from service.store.export_erasure import NoExportError, forget_exported, read_exported


def answer(customer_id: str) -> str:
    said = {
        "customer_id": customer_id,
        "decision_id": f"d-{customer_id}",
        "status": "hold",
        "group": "random",
    }
    return json.dumps(said | dict.fromkeys(("channel", "send_at", "message", "coupon")) | {"reasons": []})


def run_of(folder: Path) -> Path:
    """A run of five customers in parts of two, the last part still to be decided."""
    (folder / NOTE).write_text("{}")
    write_list(folder, pa.array(["a", "b", "c", "d", "e"]), 2)
    for number in range(2):
        write_part(folder, number, [answer(each) for each in read_part(folder, number)])
    return folder


def test_a_customer_is_found_in_the_list_and_among_the_answers(tmp_path: Path) -> None:
    found = list(read_exported(run_of(tmp_path), "c"))

    assert [path.name for path, _ in found] == ["customers.parquet", "part-00001.parquet"]
    assert json.loads(found[1][1]["answer"])["customer_id"] == "c"


def test_who_is_forgotten_is_in_no_file_and_is_not_decided_about_later(tmp_path: Path) -> None:
    folder = run_of(tmp_path)

    first, second = (forget_exported(folder, each, "erased-1") for each in ("c", "e"))

    assert (first.rows, first.files) == ({"rows of a run": 2}, 2)
    assert (second.rows, second.files) == ({"rows of a run": 1}, 1)
    assert [read_part(folder, number) for number in range(3)] == [["a", "b"], ["d"], []]
    assert not list(read_exported(folder, "c"))
    assert len(list(read_exported(folder, "d"))) == 2
    assert forget_exported(folder, "c", "erased-1").rows == {}


def test_any_other_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoExportError, match="nor of `decide-batch`"):
        list(read_exported(tmp_path, "c"))
