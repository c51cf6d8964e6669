"""References and templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.errors import ExpressionError
from binex.graph.reference import Names, Reference, Source, Template, as_text, follow

NAMES = Names(
    {
        "plan": ("plan", "notes"),
        "search": ("output",),
        "web.search": ("hits", "hits.raw"),
        "web": ("search.old",),
        "a-b_1": ("output",),
    },
    frozenset({"topic", "topic.detail"}),
    in_foreach=True,
)
VALUES: dict[str, JsonValue] = {
    "plan.plan": {"questions": ["why", "how"], "n": 3, "0": "zero"},
    "plan.notes": None,
    "search.output": "found",
    "topic": "bees",
    "item": [True, 1.5],
    "index": 2,
    "sly": "${plan.plan}",
}


def lookup(reference: Reference) -> JsonValue:
    key = {
        Source.NODE: f"{reference.name}.{reference.output}",
        Source.USER: reference.name,
        Source.ITEM: "item",
        Source.INDEX: "index",
    }[reference.source]
    return follow(VALUES[key], reference.fields, reference.text)


def filled(value: JsonValue) -> JsonValue:
    return Template(value, NAMES).fill(lookup)


def refusal(body: str, names: Names = NAMES) -> str:
    with pytest.raises(ExpressionError) as caught:
        names.bind(body)
    return f"{caught.value.message} | {caught.value.fix}"


@pytest.mark.parametrize(
    ("body", "source", "name", "output", "fields"),
    [
        ("plan.plan", Source.NODE, "plan", "plan", ()),
        ("plan.plan.questions.0", Source.NODE, "plan", "plan", ("questions", "0")),
        ("search.output", Source.NODE, "search", "output", ()),
        ("search", Source.NODE, "search", "output", ()),
        ("node.plan.notes", Source.NODE, "plan", "notes", ()),
        ("node.search", Source.NODE, "search", "output", ()),
        ("web.search.hits", Source.NODE, "web.search", "hits", ()),
        ("web.search.hits.0", Source.NODE, "web.search", "hits", ("0",)),
        ("web.search.hits.raw.0", Source.NODE, "web.search", "hits.raw", ("0",)),
        ("node.web.search.hits.raw", Source.NODE, "web.search", "hits.raw", ()),
        ("a-b_1.output", Source.NODE, "a-b_1", "output", ()),
        ("user.topic", Source.USER, "topic", "", ()),
        ("user.topic.x", Source.USER, "topic", "", ("x",)),
        ("user.topic.detail", Source.USER, "topic.detail", "", ()),
        ("user.topic.detail.0", Source.USER, "topic.detail", "", ("0",)),
        ("env.HOME", Source.ENV, "HOME", "", ()),
        ("secret.KEY", Source.SECRET, "KEY", "", ()),
        ("item", Source.ITEM, "", "", ()),
        ("item.title.0", Source.ITEM, "", "", ("title", "0")),
        ("index", Source.INDEX, "", "", ()),
    ],
)
def test_a_reference_names_the_longest_name_there_is(
    body: str, source: Source, name: str, output: str, fields: tuple[str, ...]
) -> None:
    assert NAMES.bind(body) == Reference(f"${{{body}}}", source, name, output, fields)


def test_without_declared_inputs_any_variable_may_be_named() -> None:
    assert Names({}).bind("user.any.field") == Reference("${user.any.field}", Source.USER, "any", "", ("field",))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("serch.output", "${serch.output} names no node of this workflow | did you mean 'search'?"),
        ("node", "${node} names no node"),
        ("node.nowhere.x", "${node.nowhere.x} names no node"),
        ("plan.plann", "node 'plan' has no output 'plann' | did you mean 'plan'? outputs of 'plan': notes, plan"),
        ("plan", "${plan} names no output of 'plan'"),
        ("search.questions", "node 'search' has no output 'questions'"),
        ("user.topik", "${user.topik} is not an input of this workflow | did you mean 'topic'?"),
        ("user", "${user} names no variable | write ${user.NAME}"),
        ("env", "${env} names no variable | write ${env.NAME}"),
        ("env.A.b", "an environment variable is text and has no fields"),
        ("secret.A.0", "an environment variable is text and has no fields"),
        ("index.0", "an index is a number and has no fields"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_the_nearest_one(body: str, message: str) -> None:
    assert message in refusal(body)


@pytest.mark.parametrize(
    "body",
    [
        "", ".", "a.", ".a", "a..b", "a b", "a[0]", "a()", "__import__('os')", "7*7", "a\n", "a.b c", "ä", "$a", "a .b"
    ],
)  # fmt: skip
def test_what_is_not_a_reference_is_refused(body: str) -> None:
    assert "is not a reference" in refusal(body)


@pytest.mark.parametrize("body", ["__import__", "a.__class__", "__builtins__.open", "_"])
def test_what_looks_like_python_is_only_a_name_that_is_not_there(body: str) -> None:
    assert "names no node" in refusal(body)


def test_items_are_known_only_inside_a_foreach() -> None:
    for body in ("item", "item.title", "index"):
        assert "has a meaning only in a node with 'foreach'" in refusal(body, Names({}))


def test_a_reference_of_a_megabyte_is_refused_at_once() -> None:
    assert "names no node" in refusal(".".join(["a"] * 500_000))
    assert NAMES.bind("plan.plan" + ".a" * 10_000).fields[-1] == "a"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${plan.plan}", {"questions": ["why", "how"], "n": 3, "0": "zero"}),
        ("${plan.plan.questions.1}", "how"),
        ("${ plan.plan.n }", 3),
        ("${plan.notes}", None),
        ("${plan.notes.deep.er}", None),
        ("${item}", [True, 1.5]),
        ("${item.0}", True),
        ("${index}", 2),
        ("${plan.plan.0}", "zero"),
        ("${node.search.output}", "found"),
        (" ${index}", " 2"),
        ("n=${plan.plan.n}, ${plan.notes}, ${item}", "n=3, null, [true,1.5]"),
        ("${search}${search}", "foundfound"),
        ("${plan.plan.questions}!", '["why","how"]!'),
        ("no reference, $5, {x} {{7*7}} $", "no reference, $5, {x} {{7*7}} $"),
        ("$${plan.plan}", "${plan.plan}"),
        ("a $${b} ${search} $${", "a ${b} found ${"),
        ("$$${index}", "$${index}"),
        ({"a": ["${index}", {"b": "x${index}"}], "${index}": 1}, {"a": [2, {"b": "x2"}], "${index}": 1}),
        ([1, 1.5, True, None, ""], [1, 1.5, True, None, ""]),
        ("", ""),
        ({}, {}),
    ],
)
def test_a_template_is_filled(template: JsonValue, value: JsonValue) -> None:
    assert filled(template) == value


@pytest.mark.parametrize("text", ["${plan", "a ${", "${{7*7}}", "${a{b}}", "${plan.plan ${index}"])
def test_a_reference_that_is_never_closed_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="is never closed"):
        Template(text, NAMES)


def test_what_is_filled_in_is_never_read_again() -> None:
    names = Names({}, frozenset({"sly"}))
    assert Template("${user.sly} $${x}", names).fill(lookup) == "${plan.plan} ${x}"


def test_a_template_knows_its_references_in_their_order() -> None:
    template = Template({"a": "${index} ${plan.plan}", "b": ["${index}"]}, NAMES)
    assert [reference.text for reference in template.references] == ["${index}", "${plan.plan}", "${index}"]


def test_each_filling_is_a_new_value() -> None:
    template = Template({"a": [{}]}, NAMES)
    first = template.fill(lookup)
    assert isinstance(first, dict)
    first["a"] = 1
    assert template.fill(lookup) == {"a": [{}]}


@pytest.mark.parametrize(
    ("value", "fields", "message"),
    [
        ({"title": 1, "n": 2}, ("titel",), "${x}: there is no field 'titel' | did you mean 'title'? fields: n, title"),
        ({}, ("a",), "${x}: there is no field 'a' | there are no fields"),
        ([1, 2], ("2",), "${x}: there is no item 2; the list has 2"),
        ([1], ("-1",), "${x}: there is no item -1; the list has 1"),
        ([1], ("00000000000",), "${x}: there is no item 00000000000; the list has 1"),
        ([1], ("9" * 5000,), "the list has 1"),
        ([1], ("a",), "${x}: there is no item a; the list has 1"),
        ({"a": "text"}, ("a", "b"), "${x}: text has no field 'b'"),
        (5, ("b",), "${x}: a number has no field 'b'"),
        (True, ("__class__",), "${x}: a boolean has no field '__class__'"),
    ],
)  # fmt: skip
def test_a_missing_field_is_named_with_those_there_are(value: JsonValue, fields: tuple[str, ...], message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        follow(value, fields, "${x}")
    assert message in f"{caught.value.message} | {caught.value.fix}"


@given(st.text(alphabet="${}.a plan\\\"'\n0", max_size=40))
def test_any_text_is_either_filled_or_refused(text: str) -> None:
    try:
        value = filled(text)
    except ExpressionError:
        return
    assert "${" in text or value == text


@given(
    st.recursive(
        st.none() | st.integers() | st.text(st.characters(codec=None, exclude_categories=())),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_every_value_has_a_text(value: JsonValue) -> None:
    assert isinstance(as_text(value), str)


@given(st.text().filter(lambda text: "${" not in text))
def test_text_with_escaped_references_is_given_literally(text: str) -> None:
    assert filled(f"{text}$${{plan.plan}}") == f"{text}${{plan.plan}}"
