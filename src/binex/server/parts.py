"""What the routes of one server have in common."""

from dataclasses import dataclass
from pathlib import Path

from binex.server.event_hub import EventHub
from binex.server.executing import Executions
from binex.server.keys import Keys
from binex.server.reading import Reader
from binex.server.watching import Watching


@dataclass(frozen=True, slots=True)
class Parts:
    """One server, besides its routes."""

    directory: Path
    """The ``.binex`` folder."""
    folder: Path
    """The one folder whose workflow files are shown and written."""
    keys: Keys
    reader: Reader
    executions: Executions
    hub: EventHub
    watching: Watching
    is_read_only: bool
    who: str
    """Who answers questions here, as far as the machine knows."""
