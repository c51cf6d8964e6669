"""What to type next."""

from collections.abc import Sequence
from pathlib import Path

from binex.cli.options import typed
from binex.cli.render.look import Look
from binex.cli.render.text import width_of


def commands(steps: Sequence[tuple[str, str]], look: Look, directory: Path | None) -> list[str]:
    """What to type next, each with what it does."""
    typed_steps = [(typed(command, directory), purpose) for command, purpose in steps]
    room = look.width if look.is_terminal else 10_000
    fitting = {command for command, purpose in typed_steps if 5 + width_of(command) + width_of(purpose) <= room}
    width = max((width_of(command) for command in fitting), default=0)
    lines = []
    for command, purpose in typed_steps:
        tail = ""
        if command in fitting and 5 + width + width_of(purpose) <= room:
            tail = " " * (width - width_of(command) + 3) + look.paint(purpose, "faint")
        lines.append(f"  {look.paint(command, 'strong')}{tail}")
    return lines
