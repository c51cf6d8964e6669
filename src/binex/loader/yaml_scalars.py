"""What a YAML scalar means: the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).

``yes``, ``no``, ``on``, ``off``, dates and ``1_000`` are text. Numbers that JSON cannot hold are refused.
"""

import math
import re
from typing import Final

from yaml.resolver import Resolver

from binex.loader.yaml_text import shown

Scalar = None | bool | int | float | str

MAX_DIGITS: Final = 4300
"""Longer numbers are refused: converting them takes time that grows with the square of their length."""

TAG_PREFIX: Final = "tag:yaml.org,2002:"

MAYBE_NOT_TEXT: Final = frozenset(["", *"~nNtTfF0123456789+-."])
"""What a plain scalar that is not text can start with; the empty one is null."""

_WORDS: Final[dict[str, bool | None]] = (
    dict.fromkeys(["", "~", "null", "Null", "NULL"])
    | dict.fromkeys(["true", "True", "TRUE"], True)
    | dict.fromkeys(["false", "False", "FALSE"], False)
)
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_SCALAR_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
}
_KEY_NOUNS: Final = {
    "null": "null",
    "bool": "a boolean",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
}
_NO_TAG: Final = "remove the tag; quote the text if its '!' is meant as text"


class RefusedScalarError(ValueError):
    """A scalar that has no place in JSON, or does not fit its tag."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


def plain_value(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag.

    Raises:
        RefusedScalarError: it is a number that JSON does not know, or a longer one than 4,300 digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text.isdigit() and text.isascii() and len(text) < 20:  # most numbers: five times as fast
        return int(text)
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = math.inf if len(text) > MAX_DIGITS else float(text)
        if math.isfinite(number):
            return number
        raise RefusedScalarError(
            f"number {shown(text)} is too large or too long",
            fix="use a number up to 1.79e308, or quote it if it is meant as text",
        )
    if _NOT_FINITE.fullmatch(text):
        raise RefusedScalarError(
            f"{shown(text)} is not a JSON number", fix="use a finite number, or quote it if it is meant as text"
        )
    return text


def tagged_value(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag, given as its full URI.

    Raises:
        RefusedScalarError: the tag is not one of a plain YAML scalar, or the text does not fit it.
    """
    name = tag.removeprefix(TAG_PREFIX) if tag.startswith(TAG_PREFIX) else ""
    if name == "str":
        return text
    if name not in _SCALAR_TYPES:
        raise refused_tag(tag)
    value = plain_value(text)
    # bool is an int to Python, not to YAML.
    if not isinstance(value, _SCALAR_TYPES[name]) or (isinstance(value, bool) and name != "bool"):
        raise RefusedScalarError(f"{shown(text)} does not fit its tag '!!{name}'", fix=_NO_TAG)
    if name != "float" or not isinstance(value, int):
        return value
    try:
        return float(value)
    except OverflowError:
        raise RefusedScalarError(f"{shown(text)} does not fit its tag '!!float'", fix=_NO_TAG) from None


def refused_tag(tag: str) -> RefusedScalarError:
    """The complaint about a tag, given as its full URI."""
    return RefusedScalarError(f"tag {tag_name(tag)} is not allowed: only plain YAML types are", fix=_NO_TAG)


def tag_name(tag: str) -> str:
    """A tag as it is written, in quotes: ``'!!int'`` for ``tag:yaml.org,2002:int``."""
    return shown(f"!!{tag.removeprefix(TAG_PREFIX)}" if tag.startswith(TAG_PREFIX) else tag)


def what_a_key_reads_as(text: str) -> str | None:
    """What YAML readers take an unquoted key for, if not for text: ``a boolean`` for ``no`` and ``true``.

    Binex itself reads YAML 1.2, where ``no`` and ``2024-05-01`` are text; but most tools read YAML 1.1.
    """
    try:
        value = plain_value(text)
    except RefusedScalarError:
        return _KEY_NOUNS["float"]
    if not isinstance(value, str):
        return _KEY_NOUNS["null" if value is None else "bool" if isinstance(value, bool) else "int"]
    for tag, pattern in Resolver.yaml_implicit_resolvers.get(text[:1], ()):
        name = tag.removeprefix(TAG_PREFIX)
        if name in _KEY_NOUNS and pattern.match(text):
            return _KEY_NOUNS[name]
    return None


def _integer(text: str) -> int:
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    digits = text[2:] if base != 10 else text
    # 4,300 decimal digits are 3,571 hexadecimal ones: what is longer could be read, but not written as JSON.
    if len(digits) <= (3571 if base == 16 else MAX_DIGITS):
        try:
            return int(digits, base)
        except ValueError:  # the interpreter may be set to fewer digits
            pass
    raise RefusedScalarError(
        f"number {shown(text)} is too long: {len(digits):,} digits",
        fix=f"use at most {MAX_DIGITS:,} digits, or quote it if it is meant as text",
    )
