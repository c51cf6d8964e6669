"""Cuts secrets out of text that is shown while it comes in, piece by piece."""

from typing import Final

from binex.tape.redaction import Redactor

_LONGEST_HELD: Final = 4096
"""A word that looks like a key and goes on for longer is shown, cut as far as it is known."""


class StreamRedactor:
    """Holds back the end of a text as long as it may be the beginning of a known value, or of what looks like a key.

    Where a project has patterns of its own, whole lines: nobody can tell what else such a pattern may begin with.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown now that *text* has come in."""
        text = self._held + text
        cut = self._safe_end(text)
        self._held = text[cut:]
        return self._redactor.redact_text(text[:cut], shapes=True) if cut else ""

    def end(self) -> str:
        """What was held back; nothing comes any more."""
        text, self._held = self._held, ""
        return self._redactor.redact_text(text, shapes=True)

    def _safe_end(self, text: str) -> int:
        """Up to where *text* can be judged without what comes next."""
        cut = min(self._before_value(text), self._before_key(text), self._before_pattern(text))
        while True:  # a value that begins before the cut and ends behind it must stay whole
            earlier = min((at for form in self._redactor.forms if (at := _across(text, form, cut)) >= 0), default=cut)
            if earlier == cut:
                return cut
            cut = earlier

    def _before_value(self, text: str) -> int:
        return min((_begun(text, form) for form in self._redactor.forms), default=len(text))

    def _before_key(self, text: str) -> int:
        at = max(map(text.rfind, " \n\r\t")) + 1
        if len(text) - at >= _LONGEST_HELD:
            return len(text)
        starts = self._redactor.starts
        for start in starts:
            if start.endswith(" ") and text.endswith(start, 0, at):  # a label, as in "Bearer "
                return at - len(start)
        found = [place for start in starts if (place := text.find(start, at)) >= 0]
        return min([*found, *(_begun(text, start) for start in starts)], default=len(text))

    def _before_pattern(self, text: str) -> int:
        at = text.rfind("\n") + 1
        return at if self._redactor.has_patterns and len(text) - at < _LONGEST_HELD else len(text)


def _begun(text: str, whole: str) -> int:
    """Where the longest end of *text* begins with which *whole* begins too; the text's end where there is none."""
    at = text.find(whole[0], max(0, len(text) - len(whole) + 1))
    while at >= 0:
        if whole.startswith(text[at:]):
            return at
        at = text.find(whole[0], at + 1)
    return len(text)


def _across(text: str, form: str, cut: int) -> int:
    """Where *form* stands across *cut*; -1 where it does not."""
    return text.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1) if cut < len(text) else -1
