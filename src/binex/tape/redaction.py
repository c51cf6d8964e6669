"""Cuts secrets out of what is about to be written.

Three ways to know a secret: by its exact value (the values of ``${env.*}`` and ``${secret.*}``), in every form
in which it travels; by the shape that keys of well-known services have; and by patterns that the user gives.

An exact value is searched for as it is, JSON-escaped (once and twice), percent-encoded and in base64, alone
or inside a longer text. Values shorter than 4 characters are not searched for: they would be found
everywhere. Values shorter than 6 bytes are not searched for inside longer base64, for the same reason.

It fails closed: what cannot be cut is dropped as a whole.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, TypeVar

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from binex.tape.clues import Clues
from binex.tape.key_shapes import KEY_SHAPES, KeyShape, compile_pattern
from binex.tape.secret_forms import SHORTEST, clues_of, encode, forms_of, is_plain

REDACTED: Final = "[redacted]"
"""What stands in a secret's place."""

NOT_CUT: Final = "[redacted: could not be cut]"
"""What stands in the place of a whole field from which a secret could not be cut."""

_COMES_AGAIN: Final = 128
"""What was made of texts up to this length is remembered: the address of a provider is seen with every call."""

T = TypeVar("T")
U = TypeVar("U")


class _Known:
    """The values that are known at one time, ready to be searched for."""

    __slots__ = ("are_plain", "bytes", "clues", "forms", "text", "values")

    def __init__(self, values: frozenset[str]) -> None:
        self.values = values
        self.clues = Clues({encode(clue) for value in values for clue in clues_of(value)})
        self.are_plain = all(map(is_plain, values))
        self.forms = frozenset(form for value in values for form in forms_of(value) if len(form) >= SHORTEST)
        listed = sorted(self.forms, key=lambda form: (-len(form), form))  # the longest of those that overlap
        self.text = re.compile("|".join(map(re.escape, listed)))
        self.bytes = re.compile(b"|".join(re.escape(encode(form)) for form in listed))


class Redactor:
    """Cuts known values, what *custom* patterns match, and where asked what is shaped like a key.

    May be used from any thread. Custom patterns are regular expressions, looked for in texts as they are written.

    Raises:
        InputError: a custom pattern cannot be used; the message names it.
    """

    def __init__(
        self, values: Iterable[str], patterns: Iterable[KeyShape] = KEY_SHAPES, *, custom: Iterable[str] = ()
    ) -> None:
        self._known = _Known(frozenset(value for value in values if len(value) >= SHORTEST))
        self._shapes = tuple(patterns)
        self._starts = Clues([start.encode() for start in self.starts], are_short=True)
        self._custom = tuple(map(compile_pattern, custom))
        self._lock = threading.Lock()
        self._redact_again = lru_cache(256)(self._redact_text)

    @property
    def has_patterns(self) -> bool:
        """Whether the project has patterns of its own."""
        return bool(self._custom)

    @property
    def has_values(self) -> bool:
        """Whether anything is cut that does not only look like a key."""
        return bool(self._known.values or self._custom)

    @property
    def edition(self) -> object:
        """Another object whenever there is more to cut: what was made with the same one need not be made again."""
        return self._known

    @property
    def forms(self) -> frozenset[str]:
        """Every text that is searched for because its value is known."""
        return self._known.forms

    @property
    def starts(self) -> tuple[str, ...]:
        """What the shapes of keys begin with."""
        return tuple(start for shape in self._shapes for start in shape.starts)

    def add(self, values: Iterable[str]) -> None:
        """Cut these values too from now on."""
        new = {value for value in values if len(value) >= SHORTEST and value not in self._known.values}
        if new:
            with self._lock:
                self._known = _Known(self._known.values | new)

    def leaves(self, data: bytes) -> bool:
        """Whether :meth:`redact_json` is sure to leave the value of this JSON text as it is; cheaper than to try."""
        known = self._known
        return not self._custom and known.are_plain and not known.clues.find_in(data)

    def redact_bytes(self, data: bytes, *, shapes: bool = False, shorter: bytes | None = None) -> bytes:
        """*data* without the known values, and with *shapes* without what looks like a key; JSON stays JSON.

        *shorter* is what ``shorten`` makes of *data*, where the caller knows it: that saves time.
        """
        return _closed(lambda: self._redact_bytes(data, shapes, shorter), json.dumps(NOT_CUT).encode())

    def redact_text(self, text: str, *, shapes: bool) -> str:
        """*text* without the known values, and with *shapes* without what looks like a key."""
        redact = self._redact_again if len(text) <= _COMES_AGAIN else self._redact_text
        return _closed(lambda: redact(self._known, text, shapes), NOT_CUT)

    def redact_json(self, value: JsonValue, *, shapes: bool = False) -> JsonValue:
        """A JSON value without the known values: in texts, in keys, and as a number that is one of them."""
        return _closed(lambda: self._redact_json(self._known, value, shapes), NOT_CUT)

    def _redact_bytes(self, data: bytes, shapes: bool, shorter: bytes | None) -> bytes:
        known, cut = self._known, data
        if known.clues.find_in(data, shorter):
            cut = known.bytes.sub(REDACTED.encode(), data)
        if self._custom or (shapes and self._starts.find_in(cut, shorter)):
            text = cut.decode("utf-8", "surrogateescape")
            rest = self._cut_patterns(text, shapes=shapes)
            if rest != text:
                cut = rest.encode("utf-8", "surrogateescape")
        if cut == data or not _is_json(data) or _is_json(cut):
            return cut
        # A value is JSON's own syntax somewhere: a number, a part of an escape, a quote and a comma.
        value: JsonValue = from_json(data, allow_inf_nan=False)
        return to_json(self._redact_json(known, value, shapes))

    def _redact_text(self, known: _Known, text: str, shapes: bool) -> str:
        data = encode(text)
        if known.clues.find_in(data):
            text = known.text.sub(REDACTED, text)
        if self._custom or (shapes and self._starts.find_in(data)):
            return self._cut_patterns(text, shapes=shapes)
        return text

    def _cut_patterns(self, text: str, *, shapes: bool) -> str:
        for pattern in self._custom:
            text = pattern.sub(_cut_secret, text)
        for shape in self._shapes if shapes else ():
            for finder in shape.finders(text):
                text = finder.sub(_cut_secret, text)
        return text

    def _redact_json(self, known: _Known, value: JsonValue, shapes: bool) -> JsonValue:
        match value:
            case str():
                return self._redact_text(known, value, shapes)
            case dict():
                cut: dict[str, JsonValue] = {}
                for key, item in value.items():
                    name = self._redact_text(known, key, shapes)
                    while name != key and (name in cut or name in value):
                        name += "'"  # two keys that are secrets stay two
                    cut[name] = self._redact_json(known, item, shapes)
                return cut
            case list():
                return [self._redact_json(known, item, shapes) for item in value]
            case bool() | None:
                return value
            case _:
                return REDACTED if repr(value) in known.forms else value


def find_shapes(text: str) -> list[tuple[str, int]]:
    """What looks like a key in *text*: what it would be, and its offset; in the order of the text."""
    found: dict[int, str] = {}
    for shape in KEY_SHAPES:
        for finder in shape.finders(text):
            for match in finder.finditer(text):
                found.setdefault(match.start("secret"), shape.name)
    return [(name, offset) for offset, name in sorted(found.items())]


def _cut_secret(match: re.Match[str]) -> str:
    whole, begin = match.group(), match.start()
    return f"{whole[: match.start('secret') - begin]}{REDACTED}{whole[match.end('secret') - begin :]}"


def _is_json(data: bytes) -> bool:
    try:
        from_json(data, allow_inf_nan=False)
    except ValueError:
        return False
    return True


def _closed(cut: Callable[[], T], dropped: U) -> T | U:
    """What *cut* gives, or *dropped* where it fails: better nothing than a secret."""
    try:
        return cut()
    except Exception:  # noqa: BLE001 - whatever went wrong, the field may still hold a secret
        return dropped
