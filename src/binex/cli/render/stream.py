"""What models say while they say it: whole lines as they come in, each with the name of its task."""

from binex.cli.render.text import escape

_LONGEST = 2_000
"""A line that does not end is shown in pieces of this length."""


class SpokenLines:
    """Cuts the text of several tasks into lines, so that two that speak at a time can be read."""

    def __init__(self) -> None:
        self._unfinished: dict[str, str] = {}

    def feed(self, task: str, text: str) -> list[str]:
        """The lines that *text* completes, as they are to be printed."""
        *lines, rest = (self._unfinished.get(task, "") + text).split("\n")
        while len(rest) > _LONGEST:
            lines.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._unfinished[task] = rest
        return [_labelled(task, line) for line in lines]

    def end(self, task: str) -> list[str]:
        """What is left of a task that has ended."""
        rest = self._unfinished.pop(task, "")
        return [_labelled(task, rest)] if rest else []

    def unfinished(self, task: str) -> str:
        """The line that a task is in the middle of."""
        return escape(self._unfinished.get(task, ""))


def _labelled(task: str, line: str) -> str:
    return f"{escape(task)} | {escape(line)}".rstrip()
