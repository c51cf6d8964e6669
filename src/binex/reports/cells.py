"""The cells of a table: numbers stay numbers, and no text becomes a formula."""

import re
from datetime import UTC, datetime
from typing import Final, TypeAlias

from binex.models.safe_text import escape

Value: TypeAlias = str | int | float | bool | datetime | None
"""What can stand in a cell."""

LONGEST: Final = 32_000
"""So many characters of a text stand in a cell; spreadsheets take 32,767."""
CUT: Final = " … [cut]"

_FORMULA: Final = re.compile("[\\s\u200b-\u200d\u2060\ufeff]*[=+\\-@\t\uff1d\uff0b\uff0d\uff20]")


def cell(value: Value) -> str:
    """*value* as the text of a cell.

    A text that a spreadsheet would calculate gets an apostrophe before it, as OWASP advises ("CSV Injection"):
    one that begins, perhaps after blanks, with ``=``, ``+``, ``-``, ``@`` or a tab,
    also in full width. What numbers are is written without.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(round(value, 9))
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case str():
            return _text(value)


def _text(text: str) -> str:
    shown = escape(text[: LONGEST + 1].replace("\r\n", "\n"), is_block=True)
    if len(shown) > LONGEST:
        shown = shown[:LONGEST] + CUT
    return f"'{shown}" if _FORMULA.match(shown) else shown
