"""`python -m service`: see `service.cli`."""

from service.cli import app

app()
