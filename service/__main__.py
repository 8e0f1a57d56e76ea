"""`python -m service`: see `service.cli`."""

import os
import sys

from service.one_thread import ONE_THREAD

for name, threads in ONE_THREAD.items():
    os.environ.setdefault(name, threads)

from service.cli import app  # noqa: E402 - numpy comes with it, and reads the environment then
from service.store.migration import SchemaError  # noqa: E402

try:
    app()
except SchemaError as error:
    sys.exit(str(error))
