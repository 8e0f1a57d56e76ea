"""The notebooks of the documentation: run them, and show them as pages of the site.

`python -m tests.notebooks [--var var]` runs each on the base of `make run`, keeps what came out in it and writes its page,
a file beside it with the pictures next to that: the site renders Markdown alone.
"""

from __future__ import annotations

import argparse
import base64
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.running import ROOT

FOLDER = ROOT / "docs" / "notebooks"
PICTURES = {"image/svg+xml": "svg", "image/png": "png"}


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def run_notebook(path: Path, var: Path, *, more: str = "") -> Any:
    """The notebook with what came out of each cell, on the base in `var`; `more` is code that runs before its last cell."""
    notebook = nbformat.read(path, as_version=4)
    if more:
        notebook.cells.insert(-1, nbformat.v4.new_code_cell(more))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    quiet = "ignore:IProgress not found"  # of the progress bars that MLflow would draw with widgets
    with TemporaryDirectory() as own:  # else IPython keeps a history in the home folder
        client.execute(
            env={**os.environ, "GARDOON_VAR": str(var), "PYTHONWARNINGS": quiet, "IPYTHONDIR": own}
        )
    return notebook


def page_of(path: Path) -> tuple[str, dict[str, bytes]]:
    """The notebook as Markdown, and the pictures of it by file name."""
    pictures: dict[str, bytes] = {}
    notebook = nbformat.read(path, as_version=4)
    parts = [part for cell in notebook.cells for part in _parts(cell, path.stem, pictures)]
    origin = f"Made from [`{path.name}`]({path.name}), which a test runs; open it to run it yourself."
    return "\n\n".join([parts[0], origin, *parts[1:]]) + "\n", pictures


def _parts(cell: Any, stem: str, pictures: dict[str, bytes]) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        if output.output_type == "stream":
            yield f"```text\n{output.text.rstrip()}\n```"
            continue
        kind = next((each for each in PICTURES if each in output.data), "")
        if not kind:
            raise ValueError(
                f"{stem}: an output of {list(output.data)}; wanted text or one of {list(PICTURES)}"
            )
        name = f"{stem}-{len(pictures) + 1}.{PICTURES[kind]}"
        content = output.data[kind]
        pictures[name] = content.encode() if kind == "image/svg+xml" else base64.b64decode(content)
        yield f"![what the cell above draws]({name})"


def main() -> None:
    """Run every notebook, keep its outputs and write its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--var", type=Path, default=Path("var"), help="what `make run` prepared")
    var = parser.parse_args().var.absolute()
    for path in notebooks():
        notebook = run_notebook(path, var)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times of day, another in each run
        nbformat.write(notebook, path)
        page, pictures = page_of(path)
        path.with_suffix(".md").write_text(page, encoding="utf-8")
        for name, content in pictures.items():
            (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
