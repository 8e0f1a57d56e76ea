"""`python -m journeys COMMAND`."""

from journeys.cli import app

app()
