"""`python -m service`: see `service.cli`."""

import os
import sys

from service.one_thread import ONE_THREAD

for name, threads in ONE_THREAD.items():
    os.environ.setdefault(name, threads)

from pydantic import ValidationError  # noqa: E402

from service.cli import app  # noqa: E402 - numpy comes with it, and reads the environment then
from service.settings import Settings, faults  # noqa: E402
from service.store.migration import SchemaError  # noqa: E402

try:
    app()
except SchemaError as error:
    sys.exit(str(error))
except ValidationError as error:
    if error.title != Settings.__name__:
        raise
    sys.exit("\n".join(faults(error)))
