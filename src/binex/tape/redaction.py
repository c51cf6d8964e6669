"""Cuts secrets out of what is about to be written.

Two ways to know a secret: by its exact value (the values of ``${env.*}`` and ``${secret.*}``), in every form
in which it travels, and by the shape that keys of well-known services have.

An exact value is searched for as it is, JSON-escaped (once and twice), percent-encoded and in base64, alone
or inside a longer text. Values shorter than 4 characters are not searched for: they would be found
everywhere. Values shorter than 6 bytes are not searched for inside longer base64, for the same reason.

It fails closed: what cannot be cut is dropped as a whole.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from html import escape as escape_html
from typing import Final, TypeVar
from urllib.parse import quote, quote_plus

from pydantic import JsonValue
from pydantic_core import from_json, to_json

REDACTED: Final = "[redacted]"
"""What stands in a secret's place."""

NOT_CUT: Final = "[redacted: could not be cut]"
"""What stands in the place of a whole field from which a secret could not be cut."""

SHORTEST: Final = 4
"""Shorter values are not searched for, in characters."""

_SHORTEST_INSIDE_BASE64: Final = 6


@dataclass(frozen=True, slots=True)
class KeyShape:
    """What one kind of key looks like: one of the texts it starts with, and a regular expression for the rest.

    The fixed start is what makes looking for it fast. ``is_label`` says that the start is no part of the secret.
    """

    name: str
    starts: tuple[str, ...]
    rest: str
    is_label: bool = False

    def finders(self, text: str) -> Iterator[re.Pattern[str]]:
        """The expressions that are worth looking for in *text*; their group ``secret`` is what has to go."""
        return (_finder(self, start) for start in self.starts if start in text)


@cache
def _finder(shape: KeyShape, start: str) -> re.Pattern[str]:
    literal = re.escape(start)
    # Not inside a longer word; a JSON escape such as \n is no part of a word.
    alone = rf"(?:(?<![A-Za-z0-9_]{literal})|(?<=\\[nrt]{literal}))" if start[0].isalnum() else ""
    if shape.is_label:
        return re.compile(rf"{literal}{alone}(?P<secret>{shape.rest})")
    return re.compile(rf"(?P<secret>{literal}{alone}{shape.rest})")


_PEM_NAME: Final = r"(?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?"
_PEM_TEXT: Final = r"(?:[A-Za-z0-9+/=:,.()\s]|-(?!-)|\\[nrt])"
_TOKEN: Final = r"[A-Za-z0-9._~+/-]{20,}={0,2}"

KEY_SHAPES: Final = (
    KeyShape(
        "a private key",
        ("-----BEGIN ",),
        rf"{_PEM_NAME}-----(?:{_PEM_TEXT}{{0,20000}}?-----END {_PEM_NAME}-----"
        r"|(?:(?:\s|\\[nrt])*[A-Za-z0-9+/=]{16,})*)",
    ),
    KeyShape("an API key", ("sk-", "rk-", "pk-"), r"[A-Za-z0-9_-]{20,}"),
    KeyShape("a Stripe key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[A-Za-z0-9]{16,}"),
    KeyShape("a GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), r"[A-Za-z0-9_]{30,}"),
    KeyShape("a GitLab token", ("glpat-",), r"[A-Za-z0-9_-]{20,}"),
    KeyShape("an AWS key", ("AKIA", "ASIA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    KeyShape("a Google API key", ("AIza",), r"[A-Za-z0-9_-]{35}"),
    KeyShape("a Google token", ("ya29.",), r"[A-Za-z0-9_-]{20,}"),
    KeyShape("a Slack token", ("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"), r"[A-Za-z0-9-]{10,}"),
    KeyShape("a Hugging Face token", ("hf_",), r"[A-Za-z0-9]{30,}"),
    KeyShape("an npm token", ("npm_",), r"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    KeyShape("a JSON Web Token", ("eyJ",), r"[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}"),
    KeyShape("a bearer token", ("Bearer ", "bearer ", "BEARER "), _TOKEN, is_label=True),
    KeyShape("basic credentials", ("Basic ", "basic ", "BASIC "), r"[A-Za-z0-9+/]{20,}={0,2}", is_label=True),
    KeyShape(
        "a password in a URL",
        ("://",),
        r"[A-Za-z0-9._~%+-]{0,64}:[^\s:/?#@\[\]\"'\\$<>{}]{3,256}(?=@)",
        is_label=True,
    ),
)
"""What keys look like.

None of them takes a quote or half an escape, so that JSON stays JSON; none looks far ahead in vain, so that
no text is slow to search.
"""

T = TypeVar("T")
U = TypeVar("U")


class Redactor:
    """Cuts known values, and where asked what is shaped like a key."""

    def __init__(self, values: Iterable[str], patterns: Iterable[KeyShape] = KEY_SHAPES) -> None:
        forms: set[str] = set()
        clues: set[str] = set()
        for value in values:
            if len(value) >= SHORTEST:
                forms |= {form for form in _forms(value) if len(form) >= SHORTEST}
                clues |= _clues(value)
        listed = sorted(forms, key=lambda form: (-len(form), form))  # the longest of those that overlap
        self._values = frozenset(forms)
        self._text_clues = tuple(clues)
        self._byte_clues = tuple(_encode(clue) for clue in clues)
        self._text = re.compile("|".join(map(re.escape, listed)))
        self._bytes = re.compile(b"|".join(re.escape(_encode(form)) for form in listed))
        self._shapes = tuple(patterns)

    @property
    def has_values(self) -> bool:
        """Whether any known value is searched for."""
        return bool(self._byte_clues)

    def redact_bytes(self, data: bytes, *, shapes: bool = False) -> bytes:
        """*data* without the known values, and with *shapes* without what looks like a key; JSON stays JSON."""
        return _closed(lambda: self._redact_bytes(data, shapes=shapes), json.dumps(NOT_CUT).encode())

    def redact_text(self, text: str, *, shapes: bool) -> str:
        """*text* without the known values, and with *shapes* without what looks like a key."""
        return _closed(lambda: self._redact_text(text, shapes=shapes), NOT_CUT)

    def redact_json(self, value: JsonValue, *, shapes: bool = False) -> JsonValue:
        """A JSON value without the known values: in texts, in keys, and as a number that is one of them."""
        return _closed(lambda: self._redact_json(value, shapes=shapes), NOT_CUT)

    def _redact_bytes(self, data: bytes, *, shapes: bool) -> bytes:
        cut = data
        if any(clue in data for clue in self._byte_clues):
            cut = self._bytes.sub(REDACTED.encode(), data)
        if shapes:
            cut = self._cut_shapes(cut.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if cut == data or not _is_json(data) or _is_json(cut):
            return cut
        # A value is JSON's own syntax somewhere: a number, a part of an escape, a quote and a comma.
        value: JsonValue = from_json(data, allow_inf_nan=False)
        return to_json(self._redact_json(value, shapes=shapes))

    def _redact_text(self, text: str, *, shapes: bool) -> str:
        if any(clue in text for clue in self._text_clues):
            text = self._text.sub(REDACTED, text)
        return self._cut_shapes(text) if shapes else text

    def _cut_shapes(self, text: str) -> str:
        for shape in self._shapes:
            for finder in shape.finders(text):
                text = finder.sub(_cut_secret, text)
        return text

    def _redact_json(self, value: JsonValue, *, shapes: bool) -> JsonValue:
        match value:
            case str():
                return self._redact_text(value, shapes=shapes)
            case dict():
                cut: dict[str, JsonValue] = {}
                for key, item in value.items():
                    name = self._redact_text(key, shapes=shapes)
                    while name != key and (name in cut or name in value):
                        name += "'"  # two keys that are secrets stay two
                    cut[name] = self._redact_json(item, shapes=shapes)
                return cut
            case list():
                return [self._redact_json(item, shapes=shapes) for item in value]
            case bool() | None:
                return value
            case _:
                return REDACTED if json.dumps(value) in self._values else value


def find_shapes(text: str) -> list[tuple[str, int]]:
    """What looks like a key in *text*: what it would be, and its offset; in the order of the text."""
    found: dict[int, str] = {}
    for shape in KEY_SHAPES:
        for finder in shape.finders(text):
            for match in finder.finditer(text):
                found.setdefault(match.start("secret"), shape.name)
    return [(name, offset) for offset, name in sorted(found.items())]


def _cut_secret(match: re.Match[str]) -> str:
    return match.group()[: match.start("secret") - match.start()] + REDACTED


def _clues(value: str) -> set[str]:
    """Texts of which one stands wherever a form of *value* stands: few, because each is looked for.

    Letters, digits and ``_ . -`` are what they are in every form but base64.
    """
    run = max(re.findall(r"[A-Za-z0-9_.-]+", value), key=len, default="")
    if len(run) < SHORTEST:
        return set(_forms(value))
    return {run, *_base64_forms(_encode(value))}


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _forms(value: str) -> Iterator[str]:
    """Every text that stands for *value* somewhere."""
    yield value
    for once in _json_forms(value):
        yield once
        yield from _json_forms(once)
    data = _encode(value)
    for encoded in (quote(data, safe=""), quote(data), quote(data, safe="!'()*"), quote_plus(data)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), encoded)
    yield escape_html(value)
    yield escape_html(value, quote=False)
    yield from _base64_forms(data)


def _json_forms(value: str) -> Iterator[str]:
    for escaped in (json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield re.sub(r"\\u[0-9a-f]{4}", lambda match: rf"\u{match.group()[2:].upper()}", escaped)


def _base64_forms(data: bytes) -> Iterator[str]:
    """*data* alone in base64, and for each of three alignments the characters that stand there in longer data."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        if len(data) < _SHORTEST_INSIDE_BASE64:
            yield encode(data).decode().rstrip("=")
            continue
        for before in range(3):
            first = -(-before * 8 // 6)
            end = (before + len(data)) * 8 // 6
            yield encode(bytes(before) + data)[first:end].decode()


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
