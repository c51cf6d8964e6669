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
_PLAIN_TYPES_ONLY: Final = "remove the tag; quote the text if its '!' is meant as text"


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
        raise RefusedScalarError(f"{shown(text)} does not fit its tag !!{name}", fix="remove the tag")
    if name != "float" or not isinstance(value, int):
        return value
    try:
        return float(value)
    except OverflowError:
        raise RefusedScalarError(f"{shown(text)} does not fit its tag !!float", fix="remove the tag") from None


def refused_tag(tag: str) -> RefusedScalarError:
    """The complaint about a tag, given as its full URI."""
    if tag.startswith(TAG_PREFIX):
        tag = f"!!{tag.removeprefix(TAG_PREFIX)}"
    return RefusedScalarError(
        f"tag {shown(tag)} is not allowed: a workflow holds plain YAML types only", fix=_PLAIN_TYPES_ONLY
    )


def what_a_key_reads_as(text: str) -> str | None:
    """What YAML readers take an unquoted key for, if not for text: ``a boolean`` for ``no`` and ``true``.

    Binex itself reads YAML 1.2, where ``no`` and ``2024-05-01`` are text; but most tools read YAML 1.1.
    """
    try:
        if not isinstance(plain_value(text), str):
            return "null" if plain_value(text) is None else "a boolean" if text[0] in "tTfF" else "a number"
    except RefusedScalarError:
        return "a number"
    for tag, pattern in Resolver.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text) and tag.removeprefix(TAG_PREFIX) in _KEY_NOUNS:
            return _KEY_NOUNS[tag.removeprefix(TAG_PREFIX)]
    return None


def _integer(text: str) -> int:
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    digits = text[2:] if base != 10 else text
    # 4,300 decimal digits are 14,284 bits: what is longer could be read, but not be written as JSON.
    if len(digits) <= {16: MAX_DIGITS * 83 // 100, 8: MAX_DIGITS, 10: MAX_DIGITS}[base]:
        try:
            return int(digits, base)
        except ValueError:  # the interpreter may be set to fewer digits
            pass
    raise RefusedScalarError(
        f"number {shown(text)} is too long: {len(digits):,} digits",
        fix=f"use at most {MAX_DIGITS:,} digits, or quote it if it is meant as text",
    )
