"""How alike two JSON values are: for outputs that say nearly the same in other words.

A value is read once (:class:`Reading`) and compared often. However large the values are, a comparison takes about a
millisecond at most: of a long text a few hundred words are looked at, of a large value a hundred places, chosen
by their hashes, so that those of two values belong together.
"""

import heapq
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from enum import Enum
from itertools import pairwise
from typing import Final, Generic, TypeAlias, TypeVar

from pydantic import JsonValue

NEAR: Final = 0.9
"""From this similarity on two texts, or two numbers, are nearly equal."""

_TOO_FAR: Final = 0.5
"""Below this share of pairs in common no two short texts are nearly equal."""
_SHORT: Final = 120
"""Texts up to this length are compared by their characters, longer ones by their words."""
_WORDS: Final = 400
"""How many different words of a text are looked at."""
_PLACES: Final = 100
"""How many places of a value are looked at."""
_NO_BLANKS: Final = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts that write no blanks between words
_WORD: Final = re.compile(rf"[{_NO_BLANKS}]|[^\W{_NO_BLANKS}]+|[^\w\s]")
_HIGHEST: Final = 2**32

_Key = TypeVar("_Key")
_Entry = TypeVar("_Entry")
_Value = TypeVar("_Value")


class _Constant(Enum):
    """What stands at a place where there is nothing to be alike; None means that there is no such place."""

    NULL = "null"
    EMPTY_LIST = "[]"
    EMPTY_OBJECT = "{}"


_Scalar: TypeAlias = str | bool | int | float | _Constant
_Leaf: TypeAlias = "bool | int | float | _Constant | _Text"


class Reading:
    """A JSON value, ready to be compared."""

    __slots__ = ("_leaves", "_shape")

    def __init__(self, value: JsonValue) -> None:
        leaves = dict(_leaves_of(value, ()))
        self._shape = hash(frozenset((place, _kind_of(leaf)) for place, leaf in leaves.items()))
        self._leaves = _Sample(leaves, _PLACES, _read_leaf)

    def is_near(self, other: "Reading") -> bool:
        """Whether both have the same structure and are equal but for texts and numbers that are nearly equal.

        Numbers are if they differ by at most a tenth of the larger one. Texts of at most 120 characters are by
        :meth:`difflib.SequenceMatcher.ratio`, longer ones by the share of words that they have in common.
        """
        if self._shape != other._shape:
            return False
        return all(_are_near(a, b) for a, b in self._leaves.beside(other._leaves))

    def similarity(self, other: "Reading") -> float:
        """From 0 to 1: the mean of the similarities at each place; what only one of them has counts as 0.

        Of texts it is the share of words that they have in common, whatever their order (of short ones: of pairs of
        characters that stand side by side), of numbers the difference in proportion to the larger one, taken from 1.
        """
        found = [0.0 if a is None or b is None else _similarity(a, b) for a, b in self._leaves.beside(other._leaves)]
        return sum(found) / len(found) if found else 1.0


class _Text:
    """A text, ready to be compared."""

    __slots__ = ("_pairs", "_words", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._words = _Sample(Counter(_WORD.findall(text)), _WORDS, int)
        self._pairs: _Sample[int] | None = None
        if len(text) <= _SHORT:
            self._pairs = _Sample(Counter(map("".join, pairwise(f" {text} "))), _SHORT + 1, int)

    def is_near(self, other: "_Text") -> bool:
        """Whether both are nearly equal: exactly for short texts, by their words for others."""
        similarity = self.similarity(other)
        if self._pairs is None or other._pairs is None:
            return similarity >= NEAR
        if similarity < _TOO_FAR:
            return False
        first, second = sorted((self.text, other.text))  # the matcher's answer depends on the order
        return SequenceMatcher(None, first, second, autojunk=False).ratio() >= NEAR

    def similarity(self, other: "_Text") -> float:
        """The share of pieces in common, each as often as it stands there: the coefficient of Sørensen and Dice."""
        if self.text == other.text:
            return 1.0
        mine, others = self._pairs, other._pairs
        if mine is None or others is None:
            mine, others = self._words, other._words
        common = total = 0
        for a, b in mine.beside(others):
            common += min(a or 0, b or 0)
            total += (a or 0) + (b or 0)
        return 2 * common / total if total else 0.0


class _Sample(Generic[_Value]):
    """Those entries of a mapping whose keys have the lowest hashes: of another mapping it is a sample that fits."""

    __slots__ = ("_by_hash", "_limit")

    def __init__(self, entries: Mapping[_Key, _Entry], most: int, read: Callable[[_Entry], _Value]) -> None:
        hashed = {zlib.crc32(repr(key).encode("utf-8", "backslashreplace")): entry for key, entry in entries.items()}
        self._limit = _HIGHEST
        if len(hashed) > most:
            kept = heapq.nsmallest(most, hashed)
            hashed, self._limit = {code: hashed[code] for code in kept}, kept[-1]
        self._by_hash = {code: read(entry) for code, entry in hashed.items()}

    def beside(self, other: "_Sample[_Value]") -> Iterator[tuple[_Value | None, _Value | None]]:
        """The entries of both by their keys, as far as both would have them; None where only one has the key."""
        limit = min(self._limit, other._limit)
        mine, others = self._by_hash, other._by_hash
        for code, entry in mine.items():
            if code <= limit:
                yield entry, others.get(code)
        for code, entry in others.items():
            if code <= limit and code not in mine:
                yield None, entry


def _leaves_of(value: JsonValue, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], _Scalar]]:
    match value:
        case dict() if value:
            for key, item in value.items():
                yield from _leaves_of(item, (*place, key))
        case list() if value:
            for index, item in enumerate(value):
                yield from _leaves_of(item, (*place, index))
        case dict():
            yield place, _Constant.EMPTY_OBJECT
        case list():
            yield place, _Constant.EMPTY_LIST
        case None:
            yield place, _Constant.NULL
        case _:
            yield place, value


def _read_leaf(leaf: _Scalar) -> _Leaf:
    return _Text(leaf) if isinstance(leaf, str) else leaf


def _kind_of(leaf: _Scalar) -> str:
    """What may stand in its place: any number for a number."""
    return "number" if isinstance(leaf, int | float) and not isinstance(leaf, bool) else type(leaf).__name__


def _are_near(a: "_Leaf | None", b: "_Leaf | None") -> bool:
    if isinstance(a, _Text) and isinstance(b, _Text):
        return a.is_near(b)
    return a is not None and b is not None and _similarity(a, b) >= NEAR


def _similarity(a: _Leaf, b: _Leaf) -> float:
    if isinstance(a, _Text) and isinstance(b, _Text):
        return a.similarity(b)
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, int | float) or not isinstance(b, int | float):
        return float(type(a) is type(b) and a == b)
    return _number_similarity(a, b)


def _number_similarity(a: float, b: float) -> float:
    if a == b:
        return 1.0
    try:
        return max(0.0, 1 - abs(a - b) / max(abs(a), abs(b)))
    except OverflowError:  # an integer that is too large for any float
        return 0.0
