"""`python -m service`: see `service.cli`."""

import sys

from service.cli import app
from service.store.migration import SchemaError

try:
    app()
except SchemaError as error:
    sys.exit(str(error))
