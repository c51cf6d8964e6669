"""What the place that is printed to can show: its width, its colours, its characters."""

import os
from dataclasses import dataclass
from typing import Final, Self, TextIO

_SGR: Final = {
    "good": "32",
    "bad": "31",
    "warn": "33",
    "busy": "36",
    "faint": "2",
    "strong": "1",
    "plain": "",
}
_MARKS: Final = {
    # status: (mark, without Unicode, style)
    "completed": ("✓", "+", "good"),
    "failed": ("✗", "x", "bad"),
    "timed_out": ("✗", "x", "bad"),
    "cancelled": ("■", "#", "warn"),
    "interrupted": ("‖", "!", "warn"),
    "over_budget": ("■", "#", "bad"),
    "skipped": ("○", "-", "faint"),
    "running": ("▸", ">", "busy"),
    "ready": ("·", ".", "faint"),
    "waiting": ("·", ".", "faint"),
    "waiting_for_human": ("?", "?", "warn"),
}
_PIPE_WIDTH: Final = 100
_LEAST_WIDTH: Final = 20


@dataclass(frozen=True, slots=True)
class Look:
    """How to print to one stream."""

    width: int = _PIPE_WIDTH
    is_terminal: bool = False
    has_colour: bool = False
    has_unicode: bool = True

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        """What *stream* can show, by what it is and what the environment says."""
        is_terminal = _is_terminal(stream)
        return cls(
            width=max(_LEAST_WIDTH, _width(stream, is_terminal)),
            is_terminal=is_terminal,
            has_colour=_has_colour(is_terminal),
            has_unicode=_has_unicode(stream),
        )

    def paint(self, text: str, style: str) -> str:
        """*text* in a style (``good``, ``bad``, ``warn``, ``busy``, ``faint``, ``strong``), where there are colours."""
        code = _SGR[style]
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colour and code and text else text

    def mark(self, status: str) -> str:
        """The sign of a status, in its colour."""
        sign, plain, style = _MARKS[status]
        return self.paint(sign if self.has_unicode else plain, style)

    def glyph(self, sign: str, plain: str) -> str:
        """*sign*, or *plain* where there is no Unicode."""
        return sign if self.has_unicode else plain


def style_of(status: str) -> str:
    """The style in which a status is shown."""
    return _MARKS[status][2]


def words_of(status: str) -> str:
    """A status in words."""
    return status.replace("_", " ")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _width(stream: TextIO, is_terminal: bool) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if is_terminal:
        try:
            return os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80
    return _PIPE_WIDTH


def _has_colour(is_terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"


def _has_unicode(stream: TextIO) -> bool:
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "").replace("_", "")
    # Python speaks UTF-8 in the C locale, but the terminal was told not to.
    return encoding.startswith("utf") and os.environ.get("LC_ALL") not in ("C", "POSIX")
