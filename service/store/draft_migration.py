"""`python -m service.store.draft_migration WHAT`: writes the migration from the newest one to the tables as declared.

Read what it wrote before it is committed: a renamed column looks like one dropped and one added.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from service.store.migration import FOLDER, _context, upgrade_schema
from service.store.tables import metadata

_TEMPLATE = '''"""{what}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    """To this revision, data kept."""
    {body}
'''


def draft_migration(what: str, folder: Path = FOLDER) -> Path:
    """The file written. Nothing is downgraded: a log that went forward is restored from a backup."""
    down = ScriptDirectory(str(folder)).get_current_head()
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        if down is not None:
            upgrade_schema(connection, folder)
        found = produce_migrations(_context(connection, compare_type=True), metadata)
    assert found.upgrade_ops is not None
    body = render_python_code(found.upgrade_ops, render_as_batch=down is not None)
    number = int(str(down)) + 1 if down else 1
    words = re.sub(r"\W+", "_", what.lower()).strip("_")
    path = folder / "versions" / f"{number:04d}_{words}.py"
    down_text = f'"{down}"' if down else "None"
    filled = _TEMPLATE.format(what=what, revision=f"{number:04d}", down=down_text, body=body)
    path.write_text(re.sub(r"^ +# .*\n", "", filled, flags=re.MULTILINE), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(draft_migration(" ".join(sys.argv[1:]) or "a change"))
