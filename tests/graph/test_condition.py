"""Conditions: one table of the grammar, and an oracle for everything that can be written in it."""

import json
import operator
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.errors import ExpressionError
from binex.graph.condition import Condition
from binex.graph.reference import Names, Reference, follow

VALUES: dict[str, JsonValue] = {
    "yes": True,
    "no": False,
    "nil": None,
    "three": 3,
    "half": 0.5,
    "zero": 0,
    "ten": "10",
    "word": "approved",
    "shout": " TRUE ",
    "empty": "",
    "list": ["a", 1, None, "2"],
    "nothing": [],
    "map": {"a": 1, "b": {"c": "d"}},
    "huge": 10**400,
    "odd": "\ud800",
}
NAMES = Names({"review": ("verdict", "score")}, frozenset(VALUES))


def lookup(reference: Reference) -> JsonValue:
    value = (
        VALUES[reference.name] if reference.name in VALUES else {"verdict": "approved", "score": "7"}[reference.output]
    )
    return follow(value, reference.fields, reference.text)


def holds(text: str) -> bool:
    return Condition(text, NAMES).holds(lookup)


@pytest.mark.parametrize(
    "text",
    [
        "${review.verdict} == approved",
        "${review.verdict} == 'approved'",
        '"approved" == ${review.verdict}',
        "${review.verdict} != rejected",
        "${review.score} == 7",
        "${review.score} >= 7.0",
        "${review.score} < 10",
        "${user.ten} > 9",
        "${user.ten} == 1e1",
        '"b" > "a"',
        '"10" > "9"',
        "${user.huge} > 5",
        "${user.huge} != 5.5",
        "-1 < 0",
        "1 == 1.0",
        "${user.shout} == true",
        "${user.yes}",
        "not ${user.no}",
        "not not ${user.yes}",
        "${user.yes} == true",
        "${user.nil} == null",
        "${user.nil} == None",
        "${user.nil} != ''",
        "not ${user.nil}",
        "not ${user.empty}",
        "not ${user.zero}",
        "not ${user.nothing}",
        "${user.list}",
        "1 in [1, 2]",
        "${review.score} in [5, 6, 7]",
        "${review.verdict} in [approved, accepted]",
        "null in ${user.list}",
        "2 in ${user.list}",
        "3 not in ${user.list}",
        "'a' in ${user.map}",
        "1 in ${user.ten}",
        "1 not in 10",
        "'c' not in ${user.map}",
        "'prove' in ${review.verdict}",
        "'' in ${user.word}",
        "not 'x' in ${review.verdict}",
        "${user.nil} not in 'null'",
        "'a' not in ${user.nil}",
        "[] == ${user.nothing}",
        "[1, [a]] == [1, ['a']]",
        "${user.map.b.c} == d",
        "${user.nil.deep} == null",
        "'${review.verdict}!' == 'approved!'",
        """'it\\'s' == "it's" """,
        "'$${x}' != ${user.word}",
        "true or false and false",
        "not false and true",
        "not (true and false)",
        "(false or true) and true",
        "1 == 1 and 2 == 2 or 3 == 4",
        "true or ${user.nil} < 1",
        "'007' == 007",
        "${user.word} != a.b/c-d",
        "  true\n  and\ttrue ",
        "TRUE == true",
        "${user.odd} != 1",
    ],
)
def test_what_holds(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a value before the end"),
        ("   ", "expected a value before the end"),
        ("approved", "'approved' is neither a reference nor a literal; text on the left needs quotes"),
        ("approved == ${review.verdict}", "text on the left needs quotes"),
        ("${review.verdict} ==", "expected a value before the end"),
        ("${review.verdict} = approved", "cannot read '= approved'"),
        ("${review.verdict} == approved approved", "unexpected 'approved'"),
        ("1 == 1 == 1", "unexpected '=='"),
        ("1 == not", "expected a value before not"),
        ("1 not 2", "expected 'in' before 2"),
        ("(1 == 1", "expected ')' before the end"),
        ("1 == 1)", "unexpected ')'"),
        ("1 in [1, 2", "expected ']' before the end"),
        ("1 in [1 2]", "expected ']' before 2"),
        ("1 in [,]", "expected a value before ,"),
        ("and true", "expected a value before and"),
        ("true and", "expected a value before the end"),
        ("TRUE AND TRUE", "unexpected 'AND'"),
        ("${review.verdict", "cannot read '${review.verdict'"),
        ("${reviw.verdict} == x", "names no node"),
        ("${user.wrd} == x", "not an input of this workflow"),
        ("'${user.wrd}' == x", "not an input of this workflow"),
        ("${}", "is not a reference"),
        ("'open", "cannot read"),
        ("1 + 1", "cannot read '+ 1'"),
        ("${user.word}.upper()", "cannot read '.upper()'"),
        ("__import__('os').system('true')", "cannot read '.system('true')'"),
        ("__import__('os')", "'__import__' is neither a reference nor a literal"),
        ("1 == f(1)", "unexpected '('"),
        ("().__class__", "cannot read '.__class__'"),
        ("()", "expected a value before )"),
        ("'a'.__class__", "cannot read '.__class__'"),
        ("${user.word.__class__}", "text has no field '__class__'"),
        ("1 < 1e999", "1e999 is too large"),
        ("-007 == 7", "cannot read '-007"),
        ("{{7*7}}", "cannot read"),
        ("1 " * 2000 + "1", "the condition is longer than 4000 characters"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        holds(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${user.nil} < 1", "null and a number have no order"),
        ("${user.word} >= 1", "text and a number have no order"),
        ("${user.yes} > ${user.no}", "a boolean and a boolean have no order"),
        ("${user.list} < ${user.map}", "a list and an object have no order"),
    ],
)
def test_what_has_no_order_is_an_error_that_shows_no_value(text: str, message: str) -> None:
    condition = Condition(text, NAMES)
    with pytest.raises(ExpressionError) as caught:
        condition.holds(lookup)
    assert caught.value.message == f"condition '{text}': {message}"


def test_a_condition_knows_its_references_in_their_order() -> None:
    condition = Condition("${user.yes} and '${review.score}' in [${user.ten}]", NAMES)
    assert [reference.text for reference in condition.references] == ["${user.yes}", "${review.score}", "${user.ten}"]


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("[", "]"), ("not (", ")"), ("([", "])")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    levels = 40 // (opening.count("(") + opening.count("["))
    assert holds(opening * levels + "1" + closing * levels) in (True, False)
    with pytest.raises(ExpressionError, match="nested deeper than 40 levels"):
        holds(opening * 500 + "1" + closing * 500)


@pytest.mark.parametrize(
    "text", ['""or' * 998 + '""', "1 and " * 660 + "1", "not " * 990 + "1", "1 in[" + "1," * 1900 + "1]"]
)
def test_the_longest_condition_is_evaluated_without_deep_recursion(text: str) -> None:
    assert len(text) > 3500
    assert holds(text) in (True, False)


# An oracle. A condition is made as a tree of plain Python, written as text, and judged in both forms.

PRECEDENCE = ("or", "and", "not", "compare", "operand")


class Node:
    """Part of a condition: how it is written, how tightly it binds, and what it is worth."""

    def __init__(self, text: str, binds: str, worth: Callable[[], Any]) -> None:
        self.text, self.binds, self.worth = text, binds, worth

    def __repr__(self) -> str:
        return self.text

    def inside(self, level: str) -> str:
        """The text where at least *level* is needed."""
        return self.text if PRECEDENCE.index(self.binds) >= PRECEDENCE.index(level) else f"({self.text})"


def number_in(text: Any) -> float | int | None:
    if isinstance(text, str) and re.fullmatch(r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?\s*", text):
        return float(text) if "." in text else int(text)
    return text if isinstance(text, int | float) and not isinstance(text, bool) else None


def oracle_equal(a: Any, b: Any) -> bool:
    if isinstance(b, str) and not isinstance(a, str):
        a, b = b, a
    if isinstance(a, str) and not isinstance(b, str):
        if isinstance(b, bool):
            return a.strip().lower() == ("true" if b else "false")
        return number_in(b) is not None and number_in(a) == b
    return (type(a) is type(b) and a == b) or (
        number_in(a) is not None and not isinstance(a, str) and number_in(a) == number_in(b)
    )


def oracle_order(sign: str, a: Any, b: Any) -> bool:
    compare: Callable[[Any, Any], bool] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[
        sign
    ]
    if number_in(a) is not None and number_in(b) is not None:
        return compare(number_in(a), number_in(b))
    if isinstance(a, str) and isinstance(b, str):
        return compare(a, b)
    raise ExpressionError("no order")


def oracle_in(a: Any, b: Any) -> bool:
    if isinstance(b, list):
        return any(oracle_equal(a, one) for one in b)
    if isinstance(b, dict):
        return isinstance(a, str) and a in b
    return isinstance(b, str) and a is not None and (a if isinstance(a, str) else json.dumps(a)) in b


def quoted(text: str) -> str:
    escaped = re.sub(r"([\\'\"])", r"\\\1", text)
    return f"'{escaped}'"


plain_texts = st.sampled_from(["", "a", "ab", "10", "2.5", "-3", " 3 ", "true", "False", "it's", 'say "x"', "\\"])
literals = st.one_of(
    st.integers(-5, 12).map(lambda n: Node(str(n), "operand", lambda: n)),
    st.sampled_from([0.5, 2.5, -1.25]).map(lambda n: Node(str(n), "operand", lambda: n)),
    plain_texts.map(lambda t: Node(quoted(t), "operand", lambda: t)),
    st.sampled_from([("true", True), ("false", False), ("null", None)]).map(
        lambda c: Node(c[0], "operand", lambda: c[1])
    ),
    st.sampled_from(
        ["yes", "no", "nil", "three", "half", "zero", "ten", "word", "empty", "list", "nothing", "map"]
    ).map(lambda name: Node(f"${{user.{name}}}", "operand", lambda: VALUES[name])),
)
lists = st.lists(literals, max_size=3).map(
    lambda items: Node(
        f"[{', '.join(item.text for item in items)}]", "operand", lambda: [item.worth() for item in items]
    )
)
SIGNS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


def oracle_truth(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in {"", "false", "null", "none", "0"}
    return bool(value)


def compared(left: Node, sign: str, right: Node) -> Node:
    def worth() -> bool:
        a, b = left.worth(), right.worth()
        match sign:
            case "==" | "!=":
                return oracle_equal(a, b) == (sign == "==")
            case "in" | "not in":
                return oracle_in(a, b) == (sign == "in")
            case _:
                return oracle_order(sign, a, b)

    return Node(f"{left.inside('operand')} {sign} {right.inside('operand')}", "compare", worth)


def joined(word: str, parts: list[Node]) -> Node:
    text = f" {word} ".join(part.inside("and" if word == "or" else "not") for part in parts)
    return Node(text, word, lambda: (any if word == "or" else all)(oracle_truth(part.worth()) for part in parts))


def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    operands = inner | lists
    return st.one_of(
        st.builds(compared, operands, st.sampled_from(SIGNS), operands),
        st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        inner.map(lambda node: Node(f"not {node.inside('not')}", "not", lambda: not oracle_truth(node.worth()))),
        inner.map(lambda node: Node(f"({node.text})", "operand", node.worth)),
    )


conditions = st.recursive(literals, grown, max_leaves=12)


@settings(max_examples=300)
@given(conditions)
def test_every_condition_means_what_its_tree_means(node: Node) -> None:
    try:
        expected = oracle_truth(node.worth())
    except ExpressionError:
        with pytest.raises(ExpressionError, match="have no order"):
            holds(node.text)
    else:
        assert holds(node.text) == expected


fragments = st.sampled_from(
    ["${user.yes}", "${user.list}", "${user.", "${", "}", "$$", "(", ")", "[", "]", ",", "==", "!=", "<", ">=", "=",
     "in", "not", "and", "or", "true", "null", "'", '"', "\\", "1", "-1", "1e9", "word", ".", "__class__", " ", "\n",
     "\0", "é"]
)  # fmt: skip


@given(
    st.lists(fragments, max_size=25).map("".join)
    | st.lists(fragments, max_size=25).map(" ".join)
    | st.text(max_size=60)
)
def test_any_text_is_a_condition_or_refused_as_one(text: str) -> None:
    try:
        assert holds(text) in (True, False)
    except ExpressionError as error:
        assert error.message


@pytest.mark.parametrize("text", ["false", "False", " null ", "0", "", "none"])
def test_text_that_says_no_is_not_true(text: str) -> None:
    condition = Condition("${user.said}", Names({}))
    assert not condition.holds(lambda _: text)
    assert Condition("not ${user.said}", Names({})).holds(lambda _: text)


def test_a_double_negation_is_a_truth_and_not_the_value_it_is_about() -> None:
    assert not holds("0 == (not not 0)")
    assert holds("(not not 1) == true")
    assert holds("not not not 0")
