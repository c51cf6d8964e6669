"""Conditions of ``when:``; one grammar, read once, evaluated without attributes, calls or loops.

::

    condition  = conjunct *( "or" conjunct )
    conjunct   = negation *( "and" negation )
    negation   = "not" negation | comparison
    comparison = operand [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in" ) operand ]
    operand    = reference | number | "text" | 'text' | true | false | null | list | "(" condition ")" | word
    list       = "[" [ operand *( "," operand ) ] "]"

A bare word is text, so that ``${review.verdict} == approved`` reads well; it may stand only after an
operator or in a list. Text that holds a number compares with a number as one, because models answer in text.
``in`` asks for an item of a list, a key of an object or a part of a text; in everything else there is nothing.
"""

import json
import math
import operator
import re
from collections.abc import Callable
from typing import TypeAlias

from pydantic import JsonValue

from binex.errors import ExpressionError
from binex.graph.reference import Lookup, Names, Reference, Template, as_text, kind_of

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<ref>\$\{[^{}]*\}) | (?P<op>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    | (?P<num>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.-]))
    | (?P<str>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<word>[\w][\w./-]*) )""",
    re.VERBOSE,
)
_MAX_LENGTH = 4000
_MAX_DEPTH = 40
_CONSTANTS: dict[str, JsonValue] = {"true": True, "false": False, "null": None, "none": None}
_FALSE_TEXTS = ("", "false", "null", "none", "0")
_KEYWORDS = {"and", "or", "not", "in"}
_ORDERS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FIX = "write for example: ${node.output} == approved and not ${user.draft}"

_Value: TypeAlias = Callable[[Lookup], JsonValue]


class Condition:
    """One condition, ready to be evaluated."""

    __slots__ = ("_evaluate", "references", "text")

    def __init__(self, text: str, names: Names) -> None:
        """Read *text*.

        Raises:
            ExpressionError: it is malformed, or names nothing that there is.
        """
        parser = _Parser(text, names)
        self.text = text
        self._evaluate = parser.read()
        self.references: tuple[Reference, ...] = tuple(parser.references)

    def holds(self, lookup: Lookup) -> bool:
        """Whether the condition is true: null, false, 0 and what is empty are not, nor text that says so.

        Raises:
            ExpressionError: values that have no order are compared, or a reference has no value.
        """
        return _is_true(self._evaluate(lookup))


class _Parser:
    """Recursive descent over tokens ``(kind, text)``."""

    def __init__(self, text: str, names: Names) -> None:
        if len(text) > _MAX_LENGTH:
            raise ExpressionError(f"the condition is longer than {_MAX_LENGTH} characters")
        self._text = text
        self._names = names
        self._tokens = self._split()
        self._at = 0
        self._depth = 0
        self.references: list[Reference] = []

    def _split(self) -> list[tuple[str, str]]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._error(f"cannot read '{text[at:].strip():.30}'")
            tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            at = match.end()
        return tokens

    def _error(self, what: str) -> ExpressionError:
        return ExpressionError(f"condition '{self._text:.80}': {what}", fix=_FIX)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _accept(self, *words: str) -> str | None:
        kind, text = self._peek()
        if text in words and kind in ("op", "word"):
            self._at += 1
            return text
        return None

    def _expect(self, word: str) -> None:
        if self._accept(word) is None:
            raise self._error(f"expected '{word}' before {self._peek()[1]}")

    def read(self) -> _Value:
        value = self._disjunction()
        if self._peek()[0] != "end":
            raise self._error(f"unexpected '{self._peek()[1]}'")
        return value

    def _disjunction(self) -> _Value:
        values = [self._conjunction()]
        while self._accept("or"):
            values.append(self._conjunction())
        return values[0] if len(values) == 1 else lambda lookup: any(_is_true(value(lookup)) for value in values)

    def _conjunction(self) -> _Value:
        values = [self._negation()]
        while self._accept("and"):
            values.append(self._negation())
        return values[0] if len(values) == 1 else lambda lookup: all(_is_true(value(lookup)) for value in values)

    def _negation(self) -> _Value:
        negations = 0
        while self._accept("not"):
            negations += 1
        value = self._comparison()
        for _ in range(min(negations, 2 - negations % 2)):
            value = _negated(value)
        return value

    def _comparison(self) -> _Value:
        left = self._operand(is_first=True)
        sign = self._accept("==", "!=", "in", *_ORDERS)
        if sign is None:
            if self._peek() == ("word", "not"):
                self._at += 1
                self._expect("in")
                return _negated(_contained(left, self._operand()))
            return left
        right = self._operand()
        match sign:
            case "==":
                return lambda lookup: _are_equal(left(lookup), right(lookup))
            case "!=":
                return lambda lookup: not _are_equal(left(lookup), right(lookup))
            case "in":
                return _contained(left, right)
            case _:
                return self._ordered(left, sign, right)

    def _ordered(self, left: _Value, sign: str, right: _Value) -> _Value:
        compare = _ORDERS[sign]
        return lambda lookup: compare(_order(left(lookup), right(lookup), self._error), 0)

    def _operand(self, *, is_first: bool = False) -> _Value:
        kind, text = self._peek()
        self._at += 1
        match kind:
            case "ref":
                return self._reference(text)
            case "num":
                return self._number(text)
            case "str":
                return self._template(_unquote(text))
            case "op" if text in ("(", "["):
                return self._group(text)
            case "word" if text.lower() in _CONSTANTS:
                constant = _CONSTANTS[text.lower()]
                return lambda _: constant
            case "word" if text not in _KEYWORDS:
                if is_first:
                    raise self._error(f"'{text}' is neither a reference nor a literal; text on the left needs quotes")
                return lambda _: text
            case _:
                raise self._error(f"expected a value before {text}")

    def _number(self, text: str) -> _Value:
        number: int | float = json.loads(text)
        if not _is_finite(number):
            raise self._error(f"{text:.40} is too large")
        return lambda _: number

    def _group(self, opening: str) -> _Value:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"nested deeper than {_MAX_DEPTH} levels")
        if opening == "[":
            value = self._list()
        else:
            value = self._disjunction()
            self._expect(")")
        self._depth -= 1
        return value

    def _list(self) -> _Value:
        items: list[_Value] = []
        if self._accept("]") is None:
            items.append(self._operand())
            while self._accept(","):
                items.append(self._operand())
            self._expect("]")
        return lambda lookup: [item(lookup) for item in items]

    def _reference(self, text: str) -> _Value:
        reference = self._names.bind(text[2:-1].strip())
        self.references.append(reference)
        return lambda lookup: lookup(reference)

    def _template(self, text: str) -> _Value:
        template = Template(text, self._names)
        self.references.extend(template.references)
        return template.fill


def _negated(value: _Value) -> _Value:
    return lambda lookup: not _is_true(value(lookup))


def _is_true(value: JsonValue) -> bool:
    """Whether a value counts as true; text that says false, null or 0 does not, as models answer in text."""
    return value.strip().lower() not in _FALSE_TEXTS if isinstance(value, str) else bool(value)


def _contained(left: _Value, right: _Value) -> _Value:
    def is_in(lookup: Lookup) -> bool:
        item, box = left(lookup), right(lookup)
        if isinstance(box, list):
            return any(_are_equal(item, other) for other in box)
        if isinstance(box, dict):
            return isinstance(item, str) and item in box
        return isinstance(box, str) and item is not None and as_text(item) in box

    return is_in


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _are_equal(a: JsonValue, b: JsonValue) -> bool:
    if isinstance(a, str) == isinstance(b, str):
        return a == b and isinstance(a, bool) == isinstance(b, bool)
    text, other = (str(a), b) if isinstance(a, str) else (str(b), a)
    if isinstance(other, bool):
        return text.strip().lower() == as_text(other)
    return other is not None and _as_number(text) == other


def _order(a: JsonValue, b: JsonValue, error: Callable[[str], ExpressionError]) -> int:
    """-1, 0 or 1: how *a* stands to *b*, as numbers where both are, else as text."""
    x, y = _as_number(a), _as_number(b)
    if x is not None and y is not None:
        return (x > y) - (x < y)
    if isinstance(a, str) and isinstance(b, str):
        return (a > b) - (a < b)
    raise error(f"{kind_of(a)} and {kind_of(b)} have no order")


def _as_number(value: JsonValue) -> int | float | None:
    if isinstance(value, str):
        try:
            value = json.loads(value) if len(value) < 40 else None
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return value
    return None


def _is_finite(number: int | float) -> bool:
    return isinstance(number, int) or math.isfinite(number)  # isfinite() cannot take in every int
