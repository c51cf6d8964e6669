"""Checks that text is JSON without making values of it: what is checked may be larger than memory."""

import codecs
import math
import re
from enum import Enum, auto
from typing import Final

from pydantic_core import from_json

from binex.models.json_value import MAX_DEPTH, MAX_DIGITS

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_WORD: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<power>[eE][+-]?[0-9]+)?")
_CHARACTERS: Final = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE: Final = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_LONGEST_ESCAPE: Final = 6
_LONGEST_WORD: Final = MAX_DIGITS + 1
_DEEPEST: Final = MAX_DEPTH + 1
"""What the Rust core reads: it counts what a value stands in, and not the value."""
_OPENED_BY: Final = {"]": "[", "}": "{"}


class _Next(Enum):
    """What may come next."""

    VALUE = auto()
    VALUE_OR_END = auto()
    KEY = auto()
    KEY_OR_END = auto()
    COLON = auto()
    COMMA_OR_END = auto()
    NOTHING = auto()


class JsonText:
    """One JSON document, given in pieces.

    It is what :func:`binex.models.json_value.decode_json` can read: UTF-8, no NaN, no number beyond a float, no
    integer of more than 4,300 digits, not nested deeper than 200 levels.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("strict").decode
        self._text = ""
        self._at = 0
        self._is_in_string = False
        self._is_key = False
        self._expected = _Next.VALUE
        self._stack: list[str] = []

    def feed(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            ValueError: this cannot become JSON any more.
        """
        self._text = self._text[self._at :] + self._decode(piece)
        self._at = 0
        self._scan(is_last=False)

    def end(self) -> None:
        """There are no more pieces.

        Raises:
            ValueError: the document is not complete.
        """
        self._decode(b"", final=True)
        self._scan(is_last=True)
        if self._is_in_string or self._expected != _Next.NOTHING:
            raise ValueError("it ends in the middle")

    def _scan(self, *, is_last: bool) -> None:
        while True:
            if self._is_in_string:
                if not self._scan_string(is_last=is_last):
                    return
                continue
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr] # matches always
            if self._at == len(self._text):
                return
            character = self._text[self._at]
            if character in "[]{},:":
                self._take_mark(character)
                self._at += 1
            elif character == '"':
                self._is_key = self._expected in (_Next.KEY, _Next.KEY_OR_END)
                if not self._is_key:
                    self._take_value()
                self._is_in_string = True
                self._at += 1
            elif not self._scan_word(is_last=is_last):
                return

    def _scan_string(self, *, is_last: bool) -> bool:
        """Go on to the end of the string; whether it is here."""
        while True:
            self._at = _CHARACTERS.match(self._text, self._at).end()  # type: ignore[union-attr] # matches always
            if self._at == len(self._text):
                return False
            if self._text[self._at] == '"':
                self._at += 1
                self._is_in_string = False
                if self._is_key:
                    self._expected = _Next.COLON
                return True
            escape = _ESCAPE.match(self._text, self._at)
            if escape is None:
                if self._text[self._at] == "\\" and not is_last and len(self._text) - self._at < _LONGEST_ESCAPE:
                    return False
                raise ValueError("a string has a character that must be escaped, or an escape that is none")
            self._at = escape.end()

    def _scan_word(self, *, is_last: bool) -> bool:
        """Go on behind a number or a word such as ``true``; whether its end is here."""
        word = _WORD.match(self._text, self._at)
        end = self._at if word is None else word.end()
        rest = len(self._text) - self._at
        if not is_last and rest <= _LONGEST_WORD and (word is None or len(self._text) - end < 3):
            return False  # "1.", "1e+" and "tru" may go on
        if word is None:
            raise ValueError(f"{self._text[self._at : self._at + 20]!r} is not JSON")
        if end - self._at > _LONGEST_WORD:
            raise ValueError("a number is too long")
        if (word["fraction"] or word["power"]) and not math.isfinite(float(word[0])):
            raise ValueError("a number is too large")
        self._take_value()
        self._at = end
        return True

    def _take_value(self) -> None:
        if self._expected not in (_Next.VALUE, _Next.VALUE_OR_END):
            raise ValueError("a value stands where none can be")
        self._expected = _Next.COMMA_OR_END if self._stack else _Next.NOTHING

    def _take_mark(self, mark: str) -> None:
        match mark, self._expected:
            case "[" | "{", _:
                self._take_value()
                self._stack.append(mark)
                if len(self._stack) > _DEEPEST:
                    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
                self._expected = _Next.VALUE_OR_END if mark == "[" else _Next.KEY_OR_END
            case "]" | "}", _Next.COMMA_OR_END if self._stack[-1] == _OPENED_BY[mark]:
                self._close()
            case ("]", _Next.VALUE_OR_END) | ("}", _Next.KEY_OR_END):
                self._close()
            case ",", _Next.COMMA_OR_END:
                self._expected = _Next.VALUE if self._stack[-1] == "[" else _Next.KEY
            case ":", _Next.COLON:
                self._expected = _Next.VALUE
            case _:
                raise ValueError(f"'{mark}' stands where it cannot be")

    def _close(self) -> None:
        self._stack.pop()
        self._expected = _Next.COMMA_OR_END if self._stack else _Next.NOTHING


_SUSPECT: Final = re.compile(rb"(?:^|[:,\[\s])-?[0-9][0-9.]*(?:[eE]\+?[0-9]{3}|(?<=[0-9]{300}))")
"""What a number beyond a float looks like, which the Rust core would read as infinite."""


def require_json(data: bytes) -> None:
    """Check a short document, which may be made values of.

    Raises:
        ValueError: it is not JSON.
    """
    if not _SUSPECT.search(data):
        try:
            from_json(data, allow_inf_nan=False)
            return
        except ValueError:
            pass  # it may have lone surrogates, which are kept as escapes
    text = JsonText()
    text.feed(data)
    text.end()
