"""Walks through a text of JSON that is too large to be held: what is in the way of a value is passed by."""

import codecs
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import IO, Final

from pydantic import JsonValue

from binex.telemetry.foreign.span import TraceError

MOST_AT_ONCE: Final = 8 << 20
"""How long a value may be that is taken as a whole, such as a span, in characters."""
MOST_VALUES: Final = 200_000
"""How many values may stand in one that is taken as a whole: a short text can be a lot of memory."""
MOST_PASSED_BY: Final = 500_000
"""How many values may be in the way."""
_PIECE: Final = 1 << 16
_SPACE: Final = " \t\r\n"
_NEAR: Final = 16
"""So near to its end a text that was cut off stops making sense, except within a string."""
_OPEN_STRING: Final = "Unterminated string"


def _refuse(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


class Walker:
    """Where one is in a text of JSON. All of its methods go on from there."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._decode = JSONDecoder(parse_constant=_refuse).raw_decode
        self._text = ""
        self._at = 0
        self._is_at_end = False
        self._passed_by = 0
        self._lines = 1
        """The number of the line that the text begins in."""

    @property
    def line(self) -> int:
        """The number of the line that one is in."""
        return self._lines + self._text.count("\n", 0, self._at)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._read_on():
                return ""

    def members(self) -> Iterator[str]:
        """The names in an object; who asks for the next one must have taken the value."""
        self._take("{")
        is_first = True
        while self.peek() != "}":
            if not is_first:
                self._take(",")
            is_first = False
            if self.peek() != '"':
                raise ValueError("a name in double quotes is missing")
            name = self.value()
            self._take(":")
            yield str(name)
        self._take("}")

    def items(self) -> Iterator[int]:
        """The places in a list; who asks for the next one must have taken the value."""
        self._take("[")
        at = 0
        while self.peek() != "]":
            if at:
                self._take(",")
            yield at
            at += 1
        self._take("]")

    def value(self) -> JsonValue:
        """The next value, as a whole.

        Raises:
            ValueError: it is not JSON, or not all of it.
            TraceError: it is too large.
        """
        self.peek()
        values = known = 0
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except JSONDecodeError as error:
                if self._is_at_end or not self._is_cut_off(error):
                    raise ValueError(f"{error.msg} in line {self._lines + error.lineno - 1}") from None
            else:
                if self._is_at_end or not self._may_go_on(end):
                    self._require_size(end - self._at)
                    self._at = end
                    found: JsonValue = value
                    return found
            # All there is belongs to the value: count it before more of it is read, twice as much each time.
            values += sum(self._text.count(mark, self._at + known) for mark in ",[{")
            known = len(self._text) - self._at
            if values > MOST_VALUES:
                raise TraceError(f"line {self.line} has more than {MOST_VALUES:,} values in one span")
            self._require_size(known)
            self._read_on(max(_PIECE, known))

    def pass_by(self) -> None:
        """Go behind the next value, whatever it is.

        Raises:
            TraceError: too much was passed by.
        """
        self._passed_by += 1
        if self._passed_by > MOST_PASSED_BY:
            raise TraceError(f"it has more than {MOST_PASSED_BY:,} values that are no spans")
        match self.peek():
            case "{":
                for _ in self.members():
                    self.pass_by()
            case "[":
                for _ in self.items():
                    self.pass_by()
            case _:
                self.value()

    def _require_size(self, size: int) -> None:
        if size > MOST_AT_ONCE:
            raise TraceError(f"line {self.line} has a span of more than {MOST_AT_ONCE:,} characters")

    def _is_cut_off(self, error: JSONDecodeError) -> bool:
        return error.pos >= len(self._text) - _NEAR or error.msg.startswith(_OPEN_STRING)

    def _may_go_on(self, end: int) -> bool:
        """Whether what ends there, right before the end of what was read, can be the beginning of a longer number."""
        return end == len(self._text) or (end > len(self._text) - _NEAR and self._text[end] in ".eE")

    def _take(self, mark: str) -> None:
        if self.peek() != mark:
            raise ValueError(f"a {mark} is missing in line {self.line}")
        self._at += 1

    def _read_on(self, size: int = _PIECE) -> bool:
        """Read some more, and let go of what was walked through; False at the end of the file."""
        if self._is_at_end:
            return False
        data = self._file.read(size)
        self._is_at_end = not data
        self._lines = self.line
        self._text = self._text[self._at :] + self._utf8.decode(data, final=not data)
        self._at = 0
        return True
