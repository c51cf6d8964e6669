"""What all screens share: the store that they look at, and how they may draw."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from binex.cli.options import typed
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from binex.analysis.differences.snapshots import Bound


@dataclass(slots=True)
class Place:
    """A store that is only read, and what was found damaged in it."""

    store: RunStore
    folder: Path
    """The store's folder."""
    look: Look
    """Colours and characters of the terminal; its width is that of each widget."""
    directory: Path | None = None
    """The same folder as it was named on the command line, where it was."""
    damage: list[str] = field(default_factory=list)
    """What could not be read, each piece once."""
    on_damage: Callable[[], None] = lambda: None
    """Called when there is more of it."""

    def note_damage(self, message: str) -> None:
        """Remember something that could not be read."""
        if message not in self.damage:
            self.damage.append(message)
            self.on_damage()

    def look_at(self, width: int) -> Look:
        """How to draw what is *width* columns wide."""
        return replace(self.look, width=max(20, width), is_terminal=True)

    def typed(self, command: str) -> str:
        """*command* as somebody would type it in a shell, safe to show."""
        return escape(typed(command, self.directory))


def bind(source: WorkflowSource) -> "Bound":
    """The workflow of a snapshot; what reads it takes long to import."""
    from binex.loader import bind_source

    return bind_source(source)
