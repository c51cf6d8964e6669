"""How much there is room for on a page, so that every browser opens it."""

from typing import Final

from binex.models.units import count
from binex.reports.html.elements import Markup, element, markup, text

VALUE_LENGTH: Final = 64 * 1024
"""So many characters of one value are shown."""
PAGE_BYTES: Final = 20 * 1024 * 1024
"""The most that a page has, and somewhat less than what it has of values and of tasks."""
_KEPT_BYTES: Final = 6 * 1024 * 1024
"""So much is left to what is not a value: the names of tasks, the timeline."""
_LINE_END: Final = Markup("\n")
"""Browsers leave out the first one of a box, which may be the text's own."""


class Room:
    """Counts what is on a page; what no longer fits is cut, and the page says so where that is."""

    def __init__(self) -> None:
        self.left = PAGE_BYTES - _KEPT_BYTES
        self.cut = 0
        """How many values are not there in full."""

    @property
    def is_used_up(self) -> bool:
        return self.left <= 0

    def block(self, shown: str, *, hint: str = "", class_: str = "value") -> Markup:
        """Text as it is, in a box; *hint* says what to type to have all of it."""
        most = max(0, min(VALUE_LENGTH, self.left))
        kept = shown[:most]
        block = element("pre", _LINE_END, text(kept), class_=class_, tabindex=0)
        self.left -= len(block.encode())
        if len(kept) == len(shown):
            return block
        self.cut += 1
        all_of_it = count(len(shown), "character")
        why = f"the first {len(kept):,} of {all_of_it}" if kept else f"{all_of_it} not shown"
        full = (" All of it: ", element("code", hint)) if hint else None
        return markup(block if kept else None, element("p", f"Cut here: {why}.", full, class_="notice"))
