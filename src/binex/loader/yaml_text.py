"""The text of a YAML file: its limits, bytes to characters, offsets to lines and columns, the faults so far."""

import codecs
import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

MAX_FAULTS: Final = 1000
"""Reading stops after so many faults: nobody reads more, and a hostile file may hold any number."""

_MAX_REFUSED_CHARACTERS: Final = 20
"""A file with more of them than this is not a text file, and gets one fault for all."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_REFUSED_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML does not allow unescaped, the line breaks that only YAML 1.1 knows, and the byte-order mark."""

_UTF_16_OR_32 = re.compile(
    rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|(?:\x00[^\x00]){2}|(?:[^\x00]\x00){2}|[^\x00]\x00{3}|\x00{3}[^\x00]"
)


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """What a file may not exceed; errors name them ``limits.file_bytes``, ``limits.depth``, ``limits.nodes``."""

    bytes: int = 1024 * 1024
    """The size of the file."""
    depth: int = 50
    """How many mappings and lists may stand inside each other."""
    nodes: int = 100_000
    """How many nodes all aliases together may stand for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file. Line and column count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: what (without file name), where, and how to put it right."""

    message: str
    place: Place | None
    fix: str | None


class ReadingStopped(Exception):  # noqa: N818 (a way out of the reader, not an error of its own)
    """What was complained about last leaves nothing to go on with. Never leaves this package."""


class SourceText:
    """The characters of one file, and the faults found in them so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self._line_starts: array[int] | None = None

    def place(self, index: int) -> Place:
        """The line and column of the character at *index*."""
        if self._line_starts is None:
            self._line_starts = array("I", [0])
            self._line_starts.extend(match.end() for match in _LINE_END.finditer(self.text))
        line = bisect_right(self._line_starts, index)
        return Place(line, index - self._line_starts[line - 1] + 1)

    def complain(self, message: str, index: int, fix: str | None = None) -> None:
        """Note a fault at *index*.

        Raises:
            ReadingStopped: there are enough of them.
        """
        if len(self.faults) >= MAX_FAULTS:
            fix = "correct the faults above first"
            self.faults.append(Fault("there are more faults; the rest is not listed", self.place(index), fix))
            raise ReadingStopped
        self.faults.append(Fault(message, self.place(index), fix))


def decode(data: bytes, max_bytes: int) -> tuple[SourceText, bool]:
    """The text of *data*, and whether there is any use in reading it.

    A byte-order mark at the start is dropped. What is not UTF-8, and characters that may not stand in a
    YAML file, are complained about and stand as U+FFFD in the text, so that offsets keep their meaning.
    There is no use in reading what is too large, UTF-16 or hardly text at all.
    """
    if len(data) > max_bytes:
        source = SourceText(data[:max_bytes].decode("utf-8", "replace"))
        message = f"the file is larger than {max_bytes:,} bytes (limits.file_bytes)"
        source.complain(message, len(source.text), "split the file, or raise limits.file_bytes")
        return source, False
    if _UTF_16_OR_32.match(data):
        source = SourceText("")
        source.complain("the file is UTF-16 or UTF-32", 0, "save the file as UTF-8")
        return source, False
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        source = SourceText(data.decode())
    except UnicodeDecodeError as error:
        source = SourceText(data.decode("utf-8", "replace"))
        message = f"byte 0x{data[error.start]:02X} is not UTF-8"
        source.complain(message, len(data[: error.start].decode()), "save the file as UTF-8")
    refused = [match.start() for match in _REFUSED_CHARACTER.finditer(source.text)]
    if len(refused) > _MAX_REFUSED_CHARACTERS:
        message = f"the file holds {len(refused):,} control characters, the first one here"
        source.complain(message, refused[0], "save the file as plain text in UTF-8")
        return source, False
    for index in refused:
        code = ord(source.text[index])
        escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
        fix = f'remove it, or write it as "{escape}" in double quotes'
        source.complain(f"character U+{code:04X} may not stand in a YAML file", index, fix)
    if refused:
        source.text = _REFUSED_CHARACTER.sub("\ufffd", source.text)
    return source, True


def shown(text: str) -> str:
    """*text* in quotes and on one line, cut to what fits in a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
