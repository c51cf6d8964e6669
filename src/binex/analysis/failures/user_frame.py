"""The place in somebody's own code where it failed, read from a traceback as text."""

import re
from pathlib import PurePath
from typing import Final

from binex.models.base import AnyText, Model

_FRAME: Final = re.compile(
    r'^[ |+-]*File "(?P<file>[^"\n]+)", line (?P<line>\d{1,9})(?:, in (?P<function>[^\n]*))?$', re.M
)
_LINE: Final = re.compile(r"\n[ |]+(?P<code>\S[^\n]*)")
_SOMEBODY_ELSES: Final = re.compile(r"[\\/](?:site-packages|dist-packages)[\\/]|[\\/]lib[\\/]python\d|[\\/]Lib[\\/]|^<")
_BINEX: Final = str(PurePath(__file__).parents[2])
_MOST: Final = 200


class Frame(Model):
    """A place in somebody's code."""

    file: AnyText
    line: int
    function: AnyText = ""
    code: AnyText = ""
    """The line itself."""

    @property
    def place(self) -> str:
        """``tool.py:6``, without the folder."""
        return f"{self.file.replace(chr(92), '/').rpartition('/')[2]}:{self.line}"


def last_user_frame(traceback: str, folder: str | None = None) -> Frame | None:
    """The innermost frame of the user's own code in the exception that came last; else the innermost of all.

    His code is what lies in *folder*, and otherwise what belongs neither to an installed package nor to Python.
    """
    matches = list(_FRAME.finditer(traceback))
    if not matches:
        return None
    own = [match for match in matches if not _is_somebody_elses(match["file"])]
    inside = [match for match in own if folder and match["file"].startswith(folder)]
    match = (inside or own or matches)[-1]
    code = _LINE.match(traceback, match.end())
    has_code = code is not None and not code["code"].startswith("File ")
    return Frame(
        file=match["file"],
        line=int(match["line"]),
        function=match["function"] or "",
        code=code["code"][:_MOST] if code is not None and has_code else "",
    )


def _is_somebody_elses(file: str) -> bool:
    return file.startswith(_BINEX) or _SOMEBODY_ELSES.search(file) is not None
