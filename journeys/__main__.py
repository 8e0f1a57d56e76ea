"""`python -m journeys COMMAND`."""

import sys

from journeys.cli import app
from journeys.definition_files import DefinitionError
from journeys.sending import ChannelsError

try:
    app()
except (DefinitionError, ChannelsError) as error:
    sys.exit(str(error))
