"""The batch commands: `python -m training COMMAND`. Each is thin; what it runs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Var = Annotated[Path, typer.Option("--var", help="Folder of everything that is generated.")]
VAR = Path("var")


@app.callback()
def main() -> None:
    """Import data, build features, fit scorers and policies, evaluate and promote."""
